#include "textflag.h"

// The kernel calls as C does (rt_sigaction(2)): number in A0, siginfo_t in A1. Go takes them there too.
TEXT ·handler<>(SB),NOSPLIT|TOPFRAME,$32-0
	MOV  ·arrivedPC(SB), A2
	CALL A2
	RET

DATA ·handlerPC(SB)/8, $·handler<>(SB)
GLOBL ·handlerPC(SB), RODATA, $8
