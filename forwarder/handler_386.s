#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number and siginfo_t on the stack.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$8-8
	MOVL sig+0(FP), AX
	MOVL AX, 0(SP)
	MOVL info+4(FP), AX
	MOVL AX, 4(SP)
	MOVL ·arrivedPC(SB), AX
	CALL AX
	RET

DATA ·handlerPC(SB)/4, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $4
