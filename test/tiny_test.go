package test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Programs of a few machine instructions, for what no shell and no Go program
// can do: signal the parent in the very first instructions, be traced without
// being stopped by a signal of the runtime, and leave ten thousand processes
// behind in a moment and in little memory. The tests that need them run on
// amd64 only.

// signalParent is: kill(getppid(), sig), then pause() for ever.
func signalParent(sig int) []byte {
	return elf([]byte{
		0xb8, 110, 0, 0, 0, // mov eax, getppid
		0x0f, 0x05, // syscall
		0x89, 0xc7, // mov edi, eax
		0xbe, byte(sig), 0, 0, 0, // mov esi, sig
		0xb8, 62, 0, 0, 0, // mov eax, kill
		0x0f, 0x05, // syscall
		0xb8, 34, 0, 0, 0, // again: mov eax, pause
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp again
	})
}

// traceMe is: ptrace(PTRACE_TRACEME), then exit(code).
func traceMe(code int) []byte {
	return elf([]byte{
		0xb8, 101, 0, 0, 0, // mov eax, ptrace
		0x31, 0xff, // xor edi, edi (PTRACE_TRACEME)
		0x0f, 0x05, // syscall
		0xbf, byte(code), 0, 0, 0, // mov edi, code
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
	})
}

// traceMeInThread is: clone a thread, then pause() for ever. The thread is
// ptrace(PTRACE_TRACEME), then exit_group(code) at the end of standard input.
func traceMeInThread(code int) []byte {
	return elf([]byte{
		0xb8, 56, 0, 0, 0, // mov eax, clone
		0xbf, 0x00, 0x0f, 0x01, 0, // mov edi, CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x45, 0x31, 0xd2, // xor r10d, r10d
		0x45, 0x31, 0xc0, // xor r8d, r8d
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
		0x74, 0x09, // je thread
		0xb8, 34, 0, 0, 0, // again: mov eax, pause
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp again
		0xb8, 101, 0, 0, 0, // thread: mov eax, ptrace
		0x31, 0xff, // xor edi, edi (PTRACE_TRACEME)
		0x0f, 0x05, // syscall
		0x31, 0xc0, // xor eax, eax (read)
		0x31, 0xff, // xor edi, edi
		0x48, 0x8d, 0x74, 0x24, 0x80, // lea rsi, [rsp-128]
		0xba, 1, 0, 0, 0, // mov edx, 1
		0x0f, 0x05, // syscall
		0xbf, byte(code), 0, 0, 0, // mov edi, code
		0xb8, 231, 0, 0, 0, // mov eax, exit_group
		0x0f, 0x05, // syscall
	})
}

// endInThread is: clone a thread, then exit. The thread is exit_group(code) at
// the end of standard input.
func endInThread(code int) []byte {
	return elf([]byte{
		0xb8, 56, 0, 0, 0, // mov eax, clone
		0xbf, 0x00, 0x0f, 0x01, 0, // mov edi, CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x45, 0x31, 0xd2, // xor r10d, r10d
		0x45, 0x31, 0xc0, // xor r8d, r8d
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
		0x74, 0x09, // je thread
		0x31, 0xff, // xor edi, edi
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
		0x31, 0xc0, // thread: xor eax, eax (read)
		0x31, 0xff, // xor edi, edi
		0x48, 0x8d, 0x74, 0x24, 0x80, // lea rsi, [rsp-128]
		0xba, 1, 0, 0, 0, // mov edx, 1
		0x0f, 0x05, // syscall
		0xbf, byte(code), 0, 0, 0, // mov edi, code
		0xb8, 231, 0, 0, 0, // mov eax, exit_group
		0x0f, 0x05, // syscall
	})
}

// leaveReaders is: n times clone(CLONE_VM|SIGCHLD), then exit(0). Each of the n
// reads from descriptor 3 and exits when that returns. They share their memory
// and can, since they write to none of it.
func leaveReaders(n int) []byte {
	code := []byte{0xbb} // mov ebx, n
	code = binary.LittleEndian.AppendUint32(code, uint32(n))
	return elf(append(code,
		0xb8, 56, 0, 0, 0, // loop: mov eax, clone
		0xbf, 0x11, 0x01, 0, 0, // mov edi, CLONE_VM|SIGCHLD
		0x31, 0xf6, // xor esi, esi
		0x31, 0xd2, // xor edx, edx
		0x45, 0x31, 0xd2, // xor r10d, r10d
		0x45, 0x31, 0xc0, // xor r8d, r8d
		0x0f, 0x05, // syscall
		0x85, 0xc0, // test eax, eax
		0x74, 0x1b, // je child
		0x78, 0x0d, // js failed
		0xff, 0xcb, // dec ebx
		0x75, 0xe0, // jne loop
		0x31, 0xff, // xor edi, edi
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
		0xbf, 1, 0, 0, 0, // failed: mov edi, 1
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
		0x31, 0xc0, // child: xor eax, eax (read)
		0xbf, 3, 0, 0, 0, // mov edi, 3
		0x48, 0x8d, 0x74, 0x24, 0x80, // lea rsi, [rsp-128]
		0xba, 1, 0, 0, 0, // mov edx, 1
		0x0f, 0x05, // syscall
		0x31, 0xff, // xor edi, edi
		0xb8, 60, 0, 0, 0, // mov eax, exit
		0x0f, 0x05, // syscall
	))
}

// elf wraps code into an amd64 executable: one header, one segment, see elf(5).
func elf(code []byte) []byte {
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(code))
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01" + string(make([]byte, 9)))
	for _, field := range []any{
		uint16(2), uint16(62), uint32(1), // ET_EXEC, EM_X86_64, EV_CURRENT
		uint64(base + headers), uint64(64), uint64(0), uint32(0), // entry, segments, sections, flags
		uint16(64), uint16(56), uint16(1), uint16(64), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), // PT_LOAD, read and execute, offset
		uint64(base), uint64(base), size, size, uint64(4096),
	} {
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	return append(b.Bytes(), code...)
}

// tiny makes code a file to execute.
func tiny(t *testing.T, code []byte) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("made of amd64 instructions")
	}
	path := filepath.Join(t.TempDir(), "tiny")
	require.NoError(t, os.WriteFile(path, code, 0o755))
	return path
}
