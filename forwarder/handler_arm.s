#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in R0, siginfo_t in R1. Go takes them on the stack.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$8-0
	MOVW R0, 4(R13)
	MOVW R1, 8(R13)
	MOVW ·arrivedPC(SB), R2
	CALL (R2)
	RET

DATA ·handlerPC(SB)/4, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $4
