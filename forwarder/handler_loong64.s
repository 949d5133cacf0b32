#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in R4, siginfo_t in R5. Go takes them there too.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$32-0
	MOVV ·arrivedPC(SB), R6
	CALL (R6)
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
