#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in R0, siginfo_t in R1. Go takes them there too.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$32-0
	MOVD ·arrivedPC(SB), R2
	CALL (R2)
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
