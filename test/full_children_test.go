package test

import "slices"

// fillPids is a program that blocks all signals, clones until it can't, and
// writes to standard output the number of the signal that it had last, 0 at
// first, as a byte. It does so again at each signal; TERM ends it with 37. What
// it cloned stays until KILL.
func fillPids() []byte {
	child := []byte{
		0xb8, 34, 0, 0, 0, // child: mov eax, pause
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp child
	}
	tell := tellAndWait()
	clone := []byte{
		0xb8, 56, 0, 0, 0, // work: mov eax, clone
		0xbf, 0x11, 0x01, 0, 0, // mov edi, CLONE_VM|SIGCHLD
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x45, 0x31, 0xd2, // xor r10d, r10d
		0x45, 0x31, 0xc0, // xor r8d, r8d
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
	}
	clone = append(clone, 0x79, 2)                         // jns 1f
	clone = append(clone, 0xeb, 4)                         // jmp tell
	clone = append(clone, 0x74, byte(2+len(tell)+backLen)) // 1: je child
	clone = append(clone, 0xeb, byte(-(len(clone) + 2)))   // jmp work
	return elf(slices.Concat(blockAll, withBack(clone, tell), child))
}

// fillMemory is a program that has 16 MiB and touches all of it before it tells
// of each signal, likewise.
func fillMemory() []byte {
	have := []byte{
		0xb8, 9, 0, 0, 0, // mov eax, mmap
		0x31, 0xff, // xor edi, edi
		0xbe, 0, 0, 0, 1, // mov esi, 16 MiB
		0xba, 3, 0, 0, 0, // mov edx, PROT_READ|PROT_WRITE
		0x41, 0xba, 0x22, 0, 0, 0, // mov r10d, MAP_PRIVATE|MAP_ANONYMOUS
		0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, // mov r8, -1
		0x45, 0x31, 0xc9, // xor r9d, r9d
		0x0f, 0x05, // syscall
		0x49, 0x89, 0xc4, // mov r12, rax
	}
	touch := []byte{
		0x4c, 0x89, 0xe1, // work: mov rcx, r12
		0xba, 0, 0x10, 0, 0, // mov edx, 4096
		0xc6, 0x01, 1, // touch: mov byte [rcx], 1
		0x48, 0x81, 0xc1, 0, 0x10, 0, 0, // add rcx, 4096
		0xff, 0xca, // dec edx
		0x75, 0xf2, // jne touch
	}
	return elf(slices.Concat(blockAll, have, withBack(touch, tellAndWait())))
}

// blockAll blocks all signals; the set is at rsp, and at rsp+8 a signal of 0.
var blockAll = []byte{
	0x48, 0x81, 0xec, 0, 1, 0, 0, // sub rsp, 256
	0x48, 0xc7, 0x04, 0x24, 0xff, 0xff, 0xff, 0xff, // mov qword [rsp], -1
	0xc7, 0x44, 0x24, 8, 0, 0, 0, 0, // mov dword [rsp+8], 0
	0xb8, 14, 0, 0, 0, // mov eax, rt_sigprocmask
	0x31, 0xff, // xor edi, edi (SIG_BLOCK)
	0x48, 0x89, 0xe6, // mov rsi, rsp
	0x31, 0xd2, // xor edx, edx
	0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8
	0x0f, 0x05, // syscall
}

// tellAndWait writes the signal at rsp+8, and puts the next one there. It ends
// with 37 if that is TERM.
func tellAndWait() []byte {
	return []byte{
		0xb8, 1, 0, 0, 0, // mov eax, write
		0xbf, 1, 0, 0, 0, // mov edi, 1
		0x48, 0x8d, 0x74, 0x24, 8, // lea rsi, [rsp+8]
		0xba, 1, 0, 0, 0, // mov edx, 1
		0x0f, 0x05, // syscall
		0xb8, 128, 0, 0, 0, // again: mov eax, rt_sigtimedwait
		0x48, 0x89, 0xe7, // mov rdi, rsp
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
		0x7e, 0xe8, // jle again
		0x89, 0x44, 0x24, 8, // mov [rsp+8], eax
		0x83, 0xf8, 15, // cmp eax, TERM
		0x75, 12, // jne back
		0xbf, 37, 0, 0, 0, // mov edi, 37
		0xb8, 231, 0, 0, 0, // mov eax, exit_group
		0x0f, 0x05, // syscall
	}
}

const backLen = 5

// withBack is work, tell, and a jump to the beginning of work.
func withBack(work, tell []byte) []byte {
	back := -(len(work) + len(tell) + backLen)
	return slices.Concat(work, tell, []byte{ // back: jmp work
		0xe9, byte(back), byte(back >> 8), byte(back >> 16), byte(back >> 24),
	})
}
