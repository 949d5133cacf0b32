package yaml

// flow is a [sequence] or a {mapping}. How it is indented does not matter.
func (p *parser) flow() *Node {
	p.deeper()
	p.flows++
	defer func() { p.flows--; p.shallower() }()
	n := p.here()
	n.Kind = Sequence
	closing := byte(']')
	if p.at(0) == '{' {
		n.Kind, closing = Mapping, '}'
	}
	p.pos++
	seen := map[string]int{}
	for p.inside(n) != closing {
		if n.Kind == Sequence {
			n.Items = append(n.Items, p.flowItem())
		} else {
			n.Members = append(n.Members, p.flowMember(n, seen))
		}
		switch p.inside(n) {
		case closing:
		case ',':
			p.pos++
		default:
			if p.at(0) == '{' && p.text[p.pos-1] == '$' {
				p.fail("within [] and {} a text with ${ in it needs quotes")
			}
			p.fail("a , or a %c is missing before this", closing)
		}
	}
	p.pos++
	return n
}

// inside is the next byte that is content of n.
func (p *parser) inside(n *Node) byte {
	if !p.content() || p.marker() {
		p.failAt(n, "this %s is not closed", map[Kind]string{Sequence: "[", Mapping: "{"}[n.Kind])
	}
	return p.at(0)
}

func (p *parser) flowItem() *Node {
	n := p.flowNode()
	if p.colon(!n.Plain) {
		p.failAt(n, "a key in a list: a mapping there needs braces")
	}
	return n
}

func (p *parser) flowMember(n *Node, seen map[string]int) Member {
	if c := p.at(0); c == '[' || c == '{' {
		p.fail("a complex key: a key has to be a text")
	}
	key := p.scalar(-1)
	hasValue := p.colon(!key.Plain)
	p.checkKey(key, seen)
	if !hasValue {
		return Member{key, p.here()}
	}
	if c := p.inside(n); c == ',' || c == '}' {
		return Member{key, p.here()}
	}
	return Member{key, p.flowNode()}
}

func (p *parser) flowNode() *Node {
	if c := p.at(0); c == '[' || c == '{' {
		return p.flow()
	}
	n := p.scalar(-1)
	p.goOn(n, -1)
	return n
}

// flowing reports whether b is punctuation of flow collections.
func flowing(b byte) bool {
	switch b {
	case ',', '[', ']', '{', '}':
		return true
	}
	return false
}
