package yaml

import (
	"strings"
	"unicode/utf8"
)

// scalar is a quoted text, or of a plain one as much as is in this line: goOn adds the rest, if it is no key.
func (p *parser) scalar(parent int) *Node {
	n := p.here()
	n.Kind = String
	switch c := p.at(0); c {
	case '"':
		n.Text = p.doubleQuoted(parent)
	case '\'':
		n.Text = p.singleQuoted(parent)
	default:
		p.begin(c)
		n.Plain = true
		n.Text = p.plain()
		n.Kind = kindOf(n.Text)
	}
	return n
}

// begin fails if c, which is here, cannot begin a plain scalar.
func (p *parser) begin(c byte) {
	switch c {
	case '&':
		p.fail("an anchor (&), which is not supported: a text that begins with it needs quotes")
	case '*':
		p.fail("an alias (*), which is not supported: a text that begins with it needs quotes")
	case '!':
		p.fail("a tag (!), which is not supported: a text that begins with it needs quotes")
	case '%', '@', '`', '|', '>', ',', '[', ']', '{', '}', '#':
		p.fail("a text that begins with %c needs quotes", c)
	case '-', '?', ':':
		switch next := p.at(1); {
		case !ends(next) && p.flows == 0, !ends(next) && !flowing(next) && c == '-':
		case c == '-':
			p.fail("a list has to begin in a line of its own")
		case c == '?' && ends(next):
			p.fail("a complex key (?), which is not supported")
		case c == ':' && ends(next):
			p.fail("a key is missing before this :")
		default:
			p.fail("a text that begins with %c needs quotes here", c)
		}
	}
}

// plain is a plain scalar as far as it goes in this line. It may be empty.
func (p *parser) plain() string {
	from := p.pos
	for ; !p.end() && p.at(0) != '\n'; p.pos++ {
		c := p.at(0)
		if c == '#' && p.pos > from && blank(p.text[p.pos-1]) {
			break
		}
		if c == ':' && ends(p.at(1)) {
			break
		}
		if c == ':' && p.flows > 0 && flowing(p.at(1)) {
			p.fail("a : needs a blank after it, or the text quotes")
		}
		if c == '?' && p.flows > 0 {
			p.fail("within [] and {} a text with a ? in it needs quotes")
		}
		if p.flows > 0 && flowing(c) {
			break
		}
	}
	return strings.TrimRight(p.text[from:p.pos], " \t")
}

// goOn adds to a plain scalar what it has in the lines that follow: those that are indented by more than parent, up to a comment. A
// line's end is a blank, an empty line a newline.
func (p *parser) goOn(n *Node, parent int) {
	if !n.Plain || p.at(0) != '\n' {
		return
	}
	var text strings.Builder
	text.WriteString(n.Text)
	for p.at(0) == '\n' {
		start := *p
		breaks := p.breaks()
		if p.at(0) == '\t' {
			p.fail("a tab, where YAML wants blanks")
		}
		more := ""
		if p.column() > parent && p.at(0) != '#' && !p.marker() {
			more = p.plain()
		}
		if more == "" {
			*p = start
			break
		}
		text.WriteString(folded(breaks))
		text.WriteString(more)
		n.Kind = String
	}
	n.Text = text.String()
}

// breaks passes the end of this line, the empty ones after it and what the next one is indented by, and counts the ends.
func (p *parser) breaks() (n int) {
	for p.at(0) == '\n' {
		p.next()
		n++
		p.spaces()
	}
	return n
}

// folded is what the ends of n lines are, of which all but the first are empty.
func folded(n int) string {
	if n == 1 {
		return " "
	}
	return strings.Repeat("\n", n-1)
}

func (p *parser) singleQuoted(parent int) string {
	var text strings.Builder
	start := p.here()
	p.pos++
	for {
		switch c := p.inQuotes(start); {
		case c == '\'' && p.at(1) == '\'':
			text.WriteByte(c)
			p.pos += 2
		case c == '\'':
			p.pos++
			return text.String()
		case blank(c) || c == '\n':
			text.WriteString(p.fold(parent, start))
		default:
			text.WriteByte(c)
			p.pos++
		}
	}
}

func (p *parser) doubleQuoted(parent int) string {
	var text strings.Builder
	start := p.here()
	p.pos++
	for {
		switch c := p.inQuotes(start); {
		case c == '"':
			p.pos++
			return text.String()
		case c == '\\' && p.at(1) == 0:
			p.failAt(start, "this quote is not closed")
		case c == '\\' && p.at(1) == '\n':
			p.pos++
			text.WriteString(strings.Repeat("\n", p.lines(parent, start)-1))
		case c == '\\':
			text.WriteRune(p.escape())
		case blank(c) || c == '\n':
			text.WriteString(p.fold(parent, start))
		default:
			text.WriteByte(c)
			p.pos++
		}
	}
}

func (p *parser) inQuotes(start *Node) byte {
	if p.end() {
		p.failAt(start, "this quote is not closed")
	}
	return p.at(0)
}

// fold passes blanks within quotes, or the line's end with those around it, and returns what they stand for.
func (p *parser) fold(parent int, start *Node) string {
	from := p.pos
	for blank(p.at(0)) {
		p.pos++
	}
	if p.at(0) != '\n' {
		return p.text[from:p.pos]
	}
	return folded(p.lines(parent, start))
}

// lines is as breaks, for a text in quotes, in which what is not indented would be an error, and tabs may follow the indentation.
func (p *parser) lines(parent int, start *Node) (n int) {
	for {
		n += p.breaks()
		column := p.column()
		for blank(p.at(0)) {
			p.pos++
		}
		switch {
		case p.end():
			p.failAt(start, "this quote is not closed")
		case p.at(0) == '\n':
		case column <= parent || p.marker():
			p.fail("this has to be indented by more, or the quote in line %d be closed", start.Line)
		default:
			return n
		}
	}
}

// escape is a character that is written with a backslash.
func (p *parser) escape() rune {
	const letters, means = `0abtnvfre "/\N_LP` + "\t", "\x00\a\b\t\n\v\f\r\x1b \"/\\\u0085\u00a0\u2028\u2029\t"
	start, c := p.here(), p.at(1)
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		i := strings.IndexByte(letters, c)
		if i < 0 {
			r, _ := utf8.DecodeRuneInString(p.text[p.pos+1:])
			p.failAt(start, `\%c is no escape: a \ that is meant is \\`, r)
		}
		p.pos += 2
		return []rune(means)[i]
	}
	p.pos += 2
	var r rune
	for range digits {
		d := strings.IndexByte("0123456789abcdef", p.at(0)|0x20)
		if d < 0 || p.at(0) < '0' {
			p.failAt(start, `\%c has to have %d hexadecimal digits`, c, digits)
		}
		if r = r<<4 | rune(d); r > utf8.MaxRune {
			p.failAt(start, "this escape is no character")
		}
		p.pos++
	}
	if !utf8.ValidRune(r) {
		p.failAt(start, "this escape is no character")
	}
	return r
}
