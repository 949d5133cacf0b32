package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tinit-dev/tinit/internal/yaml"
	"github.com/tinit-dev/tinit/session"
)

// Read reads the file at path and all that it names, and checks them. Variables in it are getenv's. program is the command line's
// PROGRAM with its arguments; it may be empty.
//
// What is wrong with the file's text is an [Errors], of all that was found. The warnings are there with an error too: they are of
// what may be a mistake, and is none to tinit.
func Read(path string, getenv func(name string) (value string, ok bool), program []string) (f *File, warnings []Finding, err error) {
	text, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{findings: findings{path: path}, getenv: getenv, folder: filepath.Dir(path), knowsUser: knowsUser, readFile: readFile}
	f = r.read(text, program)
	if warnings = r.sorted(r.warnings); len(r.errors) > 0 {
		return nil, warnings, Errors(r.sorted(r.errors))
	}
	return f, warnings, nil
}

func knowsUser(spec string) error {
	_, err := session.LookupUser(spec)
	return err
}

// longestFile is of the services file and of files of variables.
const longestFile = 1 << 20

// readFile: a FIFO would be waited at until somebody writes to it.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > longestFile:
		return nil, fmt.Errorf("%s has more than %d bytes", path, longestFile)
	}
	return text, nil
}

// A reader turns a file's text into services, and collects what is wrong with it.
type reader struct {
	findings
	getenv    func(name string) (string, bool)
	folder    string // that the file is in
	knowsUser func(spec string) error
	readFile  func(path string) ([]byte, error)
}

func (r *reader) read(text []byte, program []string) *File {
	root, err := yaml.Parse(text)
	if err != nil {
		e, _ := errors.AsType[*yaml.Error](err)
		r.fail(&yaml.Node{Line: e.Line, Column: e.Column}, "%s", e.Text)
		return nil
	}
	if root.Kind == yaml.Null {
		r.fail(root, "there are no services")
		return nil
	}
	var drafts []*draft
	found := false
	r.mapping(root, "a services file", []field{
		{"services", func(n *yaml.Node) { drafts, found = r.services(n), true }},
		{"name", func(n *yaml.Node) { r.text(n, "name") }},
		{"version", func(n *yaml.Node) { r.warn(n, "version is obsolete, and not heeded") }},
	})
	if root.Kind == yaml.Mapping && !found {
		r.fail(root, "there are no services")
	}
	return r.check(drafts, program)
}

// A draft is a service with the places of what is yet to be checked.
type draft struct {
	Service
	key     *yaml.Node // its name
	command *yaml.Node // or entrypoint, or all of it if that is no mapping; nil if it has neither
	depends []*yaml.Node

	ends *yaml.Node // x-essential, nil if there is none
}

func (r *reader) services(n *yaml.Node) (drafts []*draft) {
	r.expand(n)
	switch {
	case n.Kind != yaml.Mapping:
		r.fail(n, "services has to be a mapping, but this is %s", n.Kind)
	case len(n.Members) == 0:
		r.fail(n, "there are no services")
	}
	for _, m := range n.Members {
		drafts = append(drafts, r.service(m.Key, m.Value))
	}
	return drafts
}

// expand expands the values below n, those of keys that are somebody else's too, as Compose does.
func (r *reader) expand(n *yaml.Node) {
	for _, item := range n.Items {
		r.expand(item)
	}
	for _, m := range n.Members {
		r.checkText(m.Key)
		r.expand(m.Value)
	}
	if strings.Contains(n.Text, "$") {
		e := expander{r.getenv, func(name string) {
			r.warn(n, "variable %s is not set: there is nothing in its place", name)
		}}
		text, err := e.expand(n.Text)
		if err != nil {
			r.fail(n, "%v", err)
		}
		n.Text, n.Kind, n.Plain = text, yaml.String, false
	}
	r.checkText(n)
}

// checkText: a program's words and variables end at a NUL (execve(2)).
func (r *reader) checkText(n *yaml.Node) {
	if strings.Contains(n.Text, "\x00") {
		r.fail(n, "%q has a NUL in it", n.Text)
	}
}
