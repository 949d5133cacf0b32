package yaml

// document is the whole text.
func (p *parser) document() *Node {
	if p.content() && p.at(0) == '%' && p.column() == 0 {
		p.fail("a directive (%%), which is not supported")
	}
	if p.marker() && p.at(0) == '-' {
		p.pos += 3
		if !p.lineEnds() {
			p.fail("text after ---: begin it on the next line")
		}
	}
	root := p.here()
	if p.content() && !p.marker() {
		root = p.block(-1)
	}
	if !p.content() {
		return root
	}
	if p.marker() {
		p.fail("%s ends the document, and there has to be one only", p.text[p.pos:p.pos+3])
	}
	p.fail("this is indented like nothing above it")
	return nil
}

// block is a node that begins here, with nothing but blanks, or the - of a sequence, before it in its line. It is part of a
// collection that is indented by parent.
func (p *parser) block(parent int) *Node {
	p.deeper()
	defer p.shallower()
	if p.item() {
		return p.sequence()
	}
	if n := p.noKey(parent); n != nil {
		return n
	}
	indent := p.column()
	n := p.here()
	text := p.scalar(parent)
	if p.colon(false) {
		return p.mapping(n, text, indent)
	}
	p.goOn(text, parent)
	p.ended()
	return text
}

// value is what follows a key of a mapping that is indented by parent.
func (p *parser) value(parent int) *Node {
	if !p.lineEnds() {
		if n := p.noKey(parent); n != nil {
			return n
		}
		n := p.scalar(parent)
		p.goOn(n, parent)
		p.ended()
		return n
	}
	null := p.here()
	switch {
	case !p.content() || p.marker():
		return null
	case p.column() > parent:
		return p.block(parent)
	case p.column() == parent && p.item():
		return p.sequence()
	}
	return null
}

// noKey is a node that cannot be a key of a block mapping, or nil.
func (p *parser) noKey(parent int) *Node {
	switch p.at(0) {
	case '|', '>':
		return p.literal(parent)
	case '[', '{':
		n := p.flow()
		if p.colon(true) {
			p.failAt(n, "a complex key: a key has to be a text")
		}
		p.ended()
		return n
	}
	return nil
}

// item reports whether an item of a block sequence begins here.
func (p *parser) item() bool { return p.at(0) == '-' && ends(p.at(1)) }

func (p *parser) sequence() *Node {
	n, indent := p.here(), p.column()
	n.Kind = Sequence
	for {
		p.pos++
		n.Items = append(n.Items, p.entry(indent))
		if !p.content() || p.column() != indent || !p.item() {
			return n
		}
	}
}

// entry is what follows a -.
func (p *parser) entry(indent int) *Node {
	if !p.lineEnds() {
		return p.block(indent)
	}
	null := p.here()
	if p.content() && p.column() > indent && !p.marker() {
		return p.block(indent)
	}
	return null
}

// mapping goes on after its first key.
func (p *parser) mapping(n, key *Node, indent int) *Node {
	n.Kind = Mapping
	seen := map[string]int{}
	for {
		p.checkKey(key, seen)
		n.Members = append(n.Members, Member{key, p.value(indent)})
		if !p.content() || p.column() != indent || p.marker() {
			return n
		}
		if p.item() {
			p.fail("an item of a list among keys")
		}
		key = p.scalar(indent)
		if !p.colon(false) {
			p.failAt(key, "a key has to have a : and a blank after it")
		}
	}
}

// colon passes the : after a key. In a flow collection it needs no blank after it if the key is no plain one.
func (p *parser) colon(bare bool) bool {
	p.spaces()
	if p.at(0) != ':' || !bare && !ends(p.at(1)) {
		return false
	}
	p.pos++
	return true
}

// checkKey is called right after the key's colon.
func (p *parser) checkKey(key *Node, seen map[string]int) {
	first, again := seen[key.Text]
	switch {
	case p.line != key.Line:
		p.failAt(key, "a key has to be on one line")
	case p.column()-key.Column > longestKey:
		p.failAt(key, "a key of more than %d bytes", longestKey)
	case key.Plain && key.Text == "<<":
		p.failAt(key, "a merge key (<<), which is not supported")
	case again:
		p.failAt(key, "the key %q is there already, in line %d", key.Text, first)
	}
	seen[key.Text] = key.Line
}

// ended: no more may be in the line.
func (p *parser) ended() {
	switch {
	case p.lineEnds():
	case p.at(0) == ':':
		p.fail("a value may not follow here: a text with a : in it needs quotes")
	default:
		p.fail("more text, after the end of a value")
	}
}

func (p *parser) deeper() {
	if p.depth++; p.depth > deepest {
		p.fail("this is more than %d levels deep", deepest)
	}
}

func (p *parser) shallower() { p.depth-- }
