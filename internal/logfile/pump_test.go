package logfile

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// filler is what lines are made longer with; how much of it depends on the line's number.
var filler = strings.Repeat("0123456789abcdef", 64)

func numbered(who, n int) string {
	return fmt.Sprintf("%d %d %s\n", who, n, filler[:n*37%len(filler)])
}

func argument(n int) int {
	i, err := strconv.Atoi(os.Args[n])
	if err != nil {
		panic(err)
	}
	return i
}

// printLines writes so many bytes of numbered lines to standard output: a line by a write, which a pipe keeps whole as long
// as it has no more than PIPE_BUF bytes, or in pieces.
func printLines() {
	who, size, inPieces := argument(1), argument(2), os.Args[3] == "pieces"
	r := rand.New(rand.NewPCG(uint64(who), 0))
	var held []byte
	for n := 0; size > 0; n++ {
		line := numbered(who, n)
		size -= len(line)
		held = append(held, line...)
		for len(held) > 0 {
			piece := len(held)
			if inPieces && size > 0 {
				if piece = 1 + r.IntN(8<<10); piece > len(held) {
					break
				}
			}
			if _, err := os.Stdout.Write(held[:piece]); err != nil {
				os.Exit(1)
			}
			held = held[piece:]
		}
	}
}

// pump pumps until the returned function is called, which waits for its end.
func pump(from *os.File, to io.Writer) (wait func()) {
	done := make(chan struct{})
	go func() {
		Pump(from, to)
		close(done)
	}()
	return func() { <-done }
}

func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = read.Close()
		_ = write.Close()
	})
	return read, write
}

// Every line of every writer is there, whole, once and in order, over all files.
func TestNoLineIsLost(t *testing.T) {
	size := 100 << 20
	if testing.Short() || raceEnabled {
		size = 10 << 20
	}
	for how, writers := range map[string]int{"lines": 8, "pieces": 1} {
		t.Run(how, func(t *testing.T) {
			path := newPath(t)
			l := open(t, Config{Path: path, MaxSize: int64(size / 100), MaxFiles: 1000})
			read, write := pipe(t)
			var programs []*exec.Cmd
			for who := range writers {
				p := child("print-lines", fmt.Sprint(who), fmt.Sprint(size/writers), how)
				p.Stdout = write
				require.NoError(t, p.Start())
				programs = append(programs, p)
			}
			require.NoError(t, write.Close())
			Pump(read, l)
			for _, p := range programs {
				require.NoError(t, p.Wait())
			}

			next := make([]int, writers)
			got := 0
			all := files(t, path)
			for i, text := range all {
				require.LessOrEqual(t, len(text), size/100+len(filler)+20)
				require.True(t, bytes.HasSuffix(text, []byte("\n")), "file %d ends within a line", i)
				for line := range strings.Lines(string(text)) {
					var who, n int
					_, err := fmt.Sscanf(line, "%d %d ", &who, &n)
					require.NoError(t, err, "%q", line)
					require.Equal(t, next[who], n, "writer %d's next line", who)
					require.Equal(t, numbered(who, n), line)
					next[who]++
					got += len(line)
				}
			}
			require.GreaterOrEqual(t, got, size/writers*writers)
			require.GreaterOrEqual(t, len(all), 90)
			bytes, _ := lost(l)
			require.Zero(t, bytes)
		})
	}
}

// Something that has outlived its job holds the pipe. What is in it is still taken.
func TestPumpStops(t *testing.T) {
	read, write := pipe(t)
	var got bytes.Buffer
	_, err := write.WriteString("before")
	require.NoError(t, err)
	wait := pump(read, &got)
	_, err = write.WriteString(" and at the end")
	require.NoError(t, err)
	require.NoError(t, read.SetReadDeadline(time.Now()))
	wait()
	assert.Equal(t, "before and at the end", got.String())
}

// More than a chunk is in the pipe.
func TestPumpStopsAtFull(t *testing.T) {
	read, write := pipe(t)
	in := bytes.Repeat([]byte("0123456789abcdef"), chunk/16)
	_, err := write.Write(in)
	require.NoError(t, err)
	require.NoError(t, read.SetReadDeadline(time.Now()))
	var got bytes.Buffer
	Pump(read, &got)
	assert.Equal(t, in, got.Bytes())
}

// It writes again as much as was read, and so would never let anybody come to an end.
func TestPumpStopsBesideAWriter(t *testing.T) {
	read, write := pipe(t)
	_, err := write.WriteString("again and again")
	require.NoError(t, err)
	refill := &refill{pipe: write}
	wait := pump(read, refill)
	eventually(t, func() bool { return refill.times.Load() > 100 }, "it goes round")
	require.NoError(t, read.SetReadDeadline(time.Now()))
	wait()
}

// refill writes back into the pipe what came out of it.
type refill struct {
	pipe  *os.File
	times atomic.Int64
}

func (r *refill) Write(p []byte) (int, error) {
	r.times.Add(1)
	return r.pipe.Write(p)
}

func TestPumpEndsWithThePipe(t *testing.T) {
	read, write := pipe(t)
	path := newPath(t)
	l := open(t, Config{Path: path})
	wait := pump(read, l)
	_, err := write.WriteString("\x00\xff no line")
	require.NoError(t, err)
	eventually(t, func() bool { return content(t, path) == "\x00\xff no line" }, "it is not held back until the line ends")
	require.NoError(t, write.Close())
	wait()
}

// A slow log holds up its own program, and no more than a chunk is held.
func TestPumpHoldsAChunk(t *testing.T) {
	read, write := pipe(t)
	slow := &stuck{began: make(chan int, 100), release: make(chan struct{})}
	wait := pump(read, slow)
	var writing sync.WaitGroup
	writing.Go(func() {
		_, _ = write.Write(make([]byte, 10*chunk))
		_ = write.Close()
	})
	held := <-slow.began
	assert.LessOrEqual(t, held, chunk)
	close(slow.release)
	writing.Wait()
	wait()
	for len(slow.began) > 0 {
		held += <-slow.began
	}
	assert.Equal(t, 10*chunk, held)
}

// stuck is a writer whose Write does not return until release is closed.
type stuck struct {
	began   chan int
	release chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	s.began <- len(p)
	<-s.release
	return len(p), nil
}
