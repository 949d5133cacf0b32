package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/job"
)

// endedJobs makes a folder of so many jobs that have ended, and has commands find it.
func endedJobs(b testing.TB, count int) {
	b.Helper()
	path := b.TempDir() + "/jobs"
	b.Setenv("TINIT_STATE_DIR", path)
	d, err := job.Make(path)
	require.NoError(b, err)
	defer d.Close()
	f, _, err := d.Reserve("job-1", "prog")
	require.NoError(b, err)
	defer f.Close()
	require.NoError(b, f.Write(job.Record{
		ID: "0123456789abcdef0123456789abcdef", Name: "job-1", Program: []string{"prog", "--with", "an argument"}, Dir: "/srv",
		State: job.Ended, Exit: &job.Exit{Code: 3}, Output: f.Path + "/output", Errors: f.Path + "/output",
	}))
	text, err := os.ReadFile(f.Path + "/record")
	require.NoError(b, err)
	for n := 2; n <= count; n++ {
		folder := fmt.Sprintf("%s/%d", path, n)
		require.NoError(b, os.Mkdir(folder, 0o700))
		record := strings.Replace(string(text), `"job-1"`, fmt.Sprintf(`"job-%d"`, n), 1)
		require.NoError(b, os.WriteFile(folder+"/record", []byte(record), 0o600))
	}
}

// What a job costs in a list must not depend on how many there are.
func BenchmarkListEndedJobs(b *testing.B) {
	for _, count := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			endedJobs(b, count)
			before := os.Stdout
			defer func() { os.Stdout = before }()
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			require.NoError(b, err)
			defer null.Close() //nolint:errcheck // nothing was kept
			os.Stdout = null
			b.ReportAllocs()
			for b.Loop() {
				code, err := listJobs(nil, nil)
				require.NoError(b, err)
				require.Zero(b, code)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(count), "ns/job")
		})
	}
}
