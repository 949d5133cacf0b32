#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in DI, siginfo_t in SI. Go takes them in AX and BX, and X15 to
// be zero.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$16-0
	MOVL DI, AX
	MOVQ SI, BX
	PXOR X15, X15
	MOVQ ·arrivedPC(SB), CX
	CALL CX
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
