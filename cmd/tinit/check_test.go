package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tinit-dev/tinit/internal/service"
)

func TestCheckUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"no FILE given (see tinit check -h)":                                   {"--order"},
		`unknown flag "--all" (see tinit check -h)`:                            {"--all", "f"},
		"open /no/such/file: no such file or directory":                        {"/no/such/file"},
		"read /: is a directory":                                               {"/", "--", "program"},
		`unknown flag "-o" (see tinit check -h)`:                               {"-o"},
		"flag --order takes no argument, but got \"yes\" (see tinit check -h)": {"--order=yes"},
	} {
		code, err := check(args, nil)
		assert.Equal(t, 125, code)
		assert.EqualError(t, err, want)
	}
}

func TestCheckCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services: {program: {user: $WHO}}\n"), 0o600))
	for _, c := range []struct {
		code    int
		args    []string
		environ []string
	}{
		{0, []string{file, "sleep"}, nil},
		{0, []string{file, "--", "sleep"}, []string{"WHO=0"}},
		{1, []string{file}, nil},
		{1, []string{file, "--"}, nil},
		{1, []string{file, "sleep"}, []string{"WHO=no:such:user"}},
	} {
		code, err := check(c.args, c.environ)
		assert.NoError(t, err)
		assert.Equal(t, c.code, code, c)
	}
}

func TestOrderText(t *testing.T) {
	f := &service.File{Services: []service.Service{
		{Name: "web", DependsOn: []service.Dependency{{Name: "db", Condition: service.Healthy}, {Name: "setup", Condition: service.Completed}}},
		{Name: "setup"},
		{Name: "db", DependsOn: []service.Dependency{{Name: "setup"}}},
	}}
	assert.Equal(t, `setup
db after setup (service_started)
web after db (service_healthy), setup (service_completed_successfully)
`, orderText(f))
}
