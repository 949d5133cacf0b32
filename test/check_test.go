package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What tinit check says is of the form that editors look for, and nothing else is said.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "services.yaml")
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(filepath.Join(dir, "db.env"), "A=1\nB=\"2\n")
	write(file, `
version: "3"
services:
  web:
    comand: server
    depends_on: [db]
  db:
    command: db --port $PORT
    env_file: db.env
    depends_on: {web: {condition: service_healthy}}
`)
	assert.Equal(t, result{1, "", file + `:2:10: warning: version is obsolete, and not heeded
` + file + `:8:14: warning: variable PORT is not set: there is nothing in its place
` + file + `:4:3: service web has no command
` + file + `:5:5: a service has no key "comand": did you mean command?
` + file + `:10:18: service web can't be healthy: it has neither healthcheck nor x-ready
` + file + `:10:18: services wait for each other: web depends on db, db depends on web
` + dir + `/db.env:2:1: the quote is not closed
`}, tinit(t, "check", file).run())

	write(filepath.Join(dir, "db.env"), "A=1\nB=\"2\"\n")
	write(file, `
services:
  web:
    command: server
    depends_on: [db]
  db:
    command: db --port $PORT
    env_file: db.env
`)
	assert.Equal(t, result{}, tinit(t, "check", file).env("PORT=1").run())
	assert.Equal(t, result{out: "db\nweb after db (service_started)\n"}, tinit(t, "check", "--order", file).env("PORT=1").run())
	assert.Equal(t, result{out: "db\nweb after db (service_started)\nprogram after web (service_started), db (service_started)\n"},
		tinit(t, "check", "--order", file, "true").env("PORT=1").run())

	r := tinit(t, "check", filepath.Join(dir, "none")).run()
	assert.Equal(t, 125, r.code)
	oneLine(t, r.err, "no such file")
}
