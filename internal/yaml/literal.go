package yaml

import "strings"

// literal is a block scalar, after | or >. It is part of a collection that is indented by parent.
func (p *parser) literal(parent int) *Node {
	n := p.here()
	n.Kind = String
	folds := p.at(0) == '>'
	chomping, indent := p.header(parent)
	if indent == 0 {
		indent = p.detect(max(parent+1, 1))
	}
	var text strings.Builder
	breaks := 0  // since the last line that was not empty
	deep := true // whether that one, or this one, begins with a blank, so that nothing is folded
	for p.literalLine(indent) {
		from := p.pos
		for !p.end() && p.at(0) != '\n' {
			p.pos++
		}
		if line := p.text[from:p.pos]; line != "" {
			wasDeep := deep
			deep = blank(line[0])
			if folds && !wasDeep && !deep {
				text.WriteString(folded(breaks))
			} else {
				text.WriteString(strings.Repeat("\n", breaks))
			}
			text.WriteString(line)
			breaks = 0
		}
		if !p.end() {
			p.next()
			breaks++
		}
	}
	switch {
	case chomping == '+':
		text.WriteString(strings.Repeat("\n", breaks))
	case chomping != '-' && text.Len() > 0 && breaks > 0:
		text.WriteByte('\n')
	}
	n.Text = text.String()
	return n
}

// header passes the line that a block scalar begins in. An indent of 0 is that of its first line.
func (p *parser) header(parent int) (chomping byte, indent int) {
	p.pos++
	for {
		switch c := p.at(0); {
		case (c == '+' || c == '-') && chomping == 0:
			chomping = c
		case '1' <= c && c <= '9' && indent == 0:
			indent = max(parent, 0) + int(c-'0')
		default:
			if !p.lineEnds() {
				p.fail("after | or > there may be + or -, a digit and a comment: the text begins in the next line")
			}
			if !p.end() {
				p.next()
			}
			return chomping, indent
		}
		p.pos++
	}
}

// detect looks ahead at what the first line is indented by that is not empty, or at what the longest empty one has, if that is all.
func (p *parser) detect(least int) int {
	start, widest := *p, p.here()
	for {
		p.spaces()
		here := p.here()
		switch {
		case p.at(0) == '\n':
			p.next()
			if here.Column > widest.Column {
				widest = here
			}
			continue
		case p.at(0) == '\t' && p.column() >= least:
			p.fail("a tab: where the text is to begin with one, | or > need a digit for how much it is indented")
		case p.end():
			least = max(least, widest.Column-1, p.column())
		case p.column() < least:
			least = max(least, widest.Column-1)
		case p.column() < widest.Column-1:
			p.failAt(widest, "an empty line with more blanks than the text after it is indented by")
		default:
			least = p.column()
		}
		*p = start
		return least
	}
}

// literalLine passes what a line is indented by, and reports whether it is part of a block scalar. At the end of another one's
// text it goes back.
func (p *parser) literalLine(indent int) bool {
	start := *p
	for p.column() < indent && p.at(0) == ' ' {
		p.pos++
	}
	if !p.end() && (p.column() == indent || p.at(0) == '\n') {
		return true
	}
	*p = start
	return false
}
