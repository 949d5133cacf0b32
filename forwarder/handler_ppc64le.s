#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in R3, siginfo_t in R4. Go takes them there too, and R0 to be
// zero.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$32-0
	XOR  R0, R0
	MOVD ·arrivedPC(SB), R12
	MOVD R12, CTR
	CALL CTR
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
