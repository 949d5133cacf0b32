// Package yaml reads the part of YAML 1.2 that people write configuration in: block and flow collections, plain, quoted and block
// scalars, comments. What it accepts means what it means to any other reader. What is rare, or read by one in this way and by
// another in that, is an error that names it and its place: anchors, aliases, tags, merge keys, complex keys, directives, several
// documents, tabs as indentation, a key given twice.
//
// Go.yaml.in/yaml reads all of it, and the tests compare this package with it. But all that is linked in starts with every init:
// it took 0.13 ms of each start, for its initialisers, 25 KB of heap, and 557 KB of binary.
package yaml

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Kind says what a [Node] is. Those of plain scalars are resolved by YAML 1.2's core schema, for which yes, no, on and off are
// strings.
type Kind int

const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Sequence
	Mapping
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a number", "a string", "a list", "a mapping"}[k]
}

// A Node is a value and its place. Lines and columns are counted from 1, columns in characters.
type Node struct {
	Kind         Kind
	Text         string   // of a scalar: a plain one's as it is written, any other's as it is meant
	Plain        bool     // of a scalar: neither in quotes nor a block
	Items        []*Node  // of a sequence
	Members      []Member // of a mapping, in the order of the text
	Line, Column int
}

// A Member is one of a mapping. Its key is a scalar.
type Member struct {
	Key, Value *Node
}

// An Error is what is wrong, and where.
type Error struct {
	Line, Column int
	Text         string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Text) }

const (
	longest    = 1 << 20 // bytes of a text
	deepest    = 64      // levels of a tree
	longestKey = 1000    // bytes: other readers end at 1024
)

// Parse reads a text. Its one error is an [*Error]. A text without content is [Null].
func Parse(text []byte) (*Node, error) {
	p := &parser{text: strings.TrimPrefix(string(text), "\ufeff"), line: 1}
	var root *Node
	err := p.catch(func() {
		p.check()
		root = p.document()
	})
	if err != nil {
		return nil, err
	}
	return root, nil
}

// A parser stands at a byte of the text. It leaves through a panic with an [*Error], which catch takes.
type parser struct {
	text       string
	pos        int
	line       int // that pos is in
	lineStart  int // where that begins
	counted    int // up to where the characters of that line were counted
	characters int // how many there were
	depth      int // of the collections that pos is in
	flows      int // how many of them are flow collections
}

func (p *parser) catch(parse func()) (err error) {
	defer func() {
		if e := recover(); e != nil {
			failure, ok := e.(*Error)
			if !ok {
				panic(e)
			}
			err = failure
		}
	}()
	parse()
	return nil
}

func (p *parser) fail(format string, args ...any) {
	p.failAt(p.here(), format, args...)
}

func (p *parser) failAt(n *Node, format string, args ...any) {
	panic(&Error{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// here is an empty node at this place. A long line's characters are counted once.
func (p *parser) here() *Node {
	if p.counted < p.lineStart || p.counted > p.pos {
		p.counted, p.characters = p.lineStart, 0
	}
	p.characters += utf8.RuneCountInString(p.text[p.counted:p.pos])
	p.counted = p.pos
	return &Node{Line: p.line, Column: p.characters + 1}
}

// check ends with the parser at the beginning of a text of printable characters whose lines end in a newline each, as far as they
// are ended.
func (p *parser) check() {
	if len(p.text) > longest {
		p.fail("the text has more than %d bytes", longest)
	}
	p.text = strings.ReplaceAll(p.text, "\r\n", "\n")
	for ; !p.end(); p.next() {
		r, size := utf8.DecodeRuneInString(p.text[p.pos:])
		switch {
		case r == utf8.RuneError && size <= 1:
			p.fail("this is not UTF-8")
		case r == '\u0085' || r == '\u2028' || r == '\u2029':
			p.fail("the character %U ends a line to some readers: write it in double quotes, with a backslash", r)
		case r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\ufeff' || r == '\ufffe' || r == '\uffff':
			p.fail("the character %U may not be in YAML: write it in double quotes, with a backslash", r)
		}
	}
	*p = parser{text: p.text, line: 1}
}

func (p *parser) end() bool { return p.pos == len(p.text) }

// next goes on by one character.
func (p *parser) next() {
	_, size := utf8.DecodeRuneInString(p.text[p.pos:])
	newline := p.text[p.pos] == '\n'
	p.pos += size
	if newline {
		p.line, p.lineStart = p.line+1, p.pos
	}
}

// at is the byte n bytes on; 0 beyond the end, which is a byte that the text does not have.
func (p *parser) at(n int) byte {
	if p.pos+n >= len(p.text) {
		return 0
	}
	return p.text[p.pos+n]
}

// column is counted from 0, in bytes: it is used of lines that have nothing but blanks before it.
func (p *parser) column() int { return p.pos - p.lineStart }

func blank(b byte) bool { return b == ' ' || b == '\t' }

// ends reports whether b is what has to follow -, ? and : for them to be more than a character.
func ends(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == 0 }

func (p *parser) spaces() {
	for p.at(0) == ' ' {
		p.pos++
	}
}

// lineEnds passes blanks and a comment, and reports whether that is all up to the line's end, where it then stands.
func (p *parser) lineEnds() bool {
	p.spaces()
	if p.at(0) == '\t' {
		p.fail("a tab, where YAML wants blanks")
	}
	if p.at(0) == '#' {
		if p.column() > 0 && !blank(p.text[p.pos-1]) {
			p.fail("a comment needs a blank before it")
		}
		for !p.end() && p.at(0) != '\n' {
			p.pos++
		}
	}
	return p.end() || p.at(0) == '\n'
}

// content goes on to where there is something, beyond comments and empty lines, and reports whether there is.
func (p *parser) content() bool {
	for p.lineEnds() {
		if p.end() {
			return false
		}
		p.next()
	}
	return true
}

// marker reports whether a line begins here that begins or ends a document.
func (p *parser) marker() bool {
	rest := p.text[p.pos:]
	return p.column() == 0 && (strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...")) && ends(p.at(3))
}
