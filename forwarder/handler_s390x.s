#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in R2, siginfo_t in R3. Go takes them on the stack, and R0 to
// be zero.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$32-0
	XOR  R0, R0
	MOVW R2, 8(R15)
	MOVD R3, 16(R15)
	MOVD ·arrivedPC(SB), R4
	CALL R4
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
