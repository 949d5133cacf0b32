package yaml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	library "go.yaml.in/yaml/v3"
)

func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse([]byte(text))
		if err != nil {
			e := err.(*Error)
			require.Positive(t, e.Line)
			require.Positive(t, e.Column)
			require.NotEmpty(t, e.Text)
			require.LessOrEqual(t, e.Line, strings.Count(text, "\n")+1)
			return
		}
		var doc library.Node
		require.NoError(t, library.Unmarshal([]byte(text), &doc), "what is accepted here the library accepts")
		require.Equal(t, libraryTree(&doc), tree(n))
	})
}

func tree(n *Node) string {
	var b strings.Builder
	write(&b, n, 0)
	return b.String()
}

func write(b *strings.Builder, n *Node, depth int) {
	in := strings.Repeat(" ", depth)
	switch n.Kind {
	case Sequence:
		fmt.Fprintf(b, "%s%d:%d sequence\n", in, n.Line, n.Column)
		for _, i := range n.Items {
			write(b, i, depth+1)
		}
	case Mapping:
		fmt.Fprintf(b, "%s%d:%d mapping\n", in, n.Line, n.Column)
		for _, m := range n.Members {
			write(b, m.Key, depth+1)
			write(b, m.Value, depth+2)
		}
	default:
		fmt.Fprintf(b, "%s%s %q\n", in, place(n.Line, n.Column, n.Text), n.Text)
	}
}

// place: of nothing there is none.
func place(line, column int, text string) string {
	if text == "" {
		return "-"
	}
	return fmt.Sprintf("%d:%d", line, column)
}

func libraryTree(doc *library.Node) string {
	var b strings.Builder
	if len(doc.Content) == 0 {
		return "- \"\"\n"
	}
	writeLibrary(&b, doc.Content[0], 0)
	return b.String()
}

func writeLibrary(b *strings.Builder, n *library.Node, depth int) {
	in := strings.Repeat(" ", depth)
	switch n.Kind {
	case library.SequenceNode:
		fmt.Fprintf(b, "%s%d:%d sequence\n", in, n.Line, n.Column)
		for _, i := range n.Content {
			writeLibrary(b, i, depth+1)
		}
	case library.MappingNode:
		fmt.Fprintf(b, "%s%d:%d mapping\n", in, n.Line, n.Column)
		for i := 0; i < len(n.Content); i += 2 {
			writeLibrary(b, n.Content[i], depth+1)
			writeLibrary(b, n.Content[i+1], depth+2)
		}
	default:
		fmt.Fprintf(b, "%s%s %q\n", in, place(n.Line, n.Column, n.Value), n.Value)
	}
}

var seeds = []string{
	"", "a", "a: b", "a:\n  b: c\n", "- a\n- b\n", "a:\n- b\n- c\nd: e\n", "- a: b\n  c: d\n-\n  - e\n- - f\n  - g\n",
	"a: [b, \"c\", 'd', {e: f, \"g\":h, i}]\n", "a: [\n  b,\n  c # x\n]\n", "{}", "[]", "---\na: b\n", "# c\n\na: b # d\n",
	"a: |\n  b\n   c\n\n  d\n\ne: >-\n  f\n  g\n\n  h\n   i\n  j\n", "a: |2+\n   b\n\n", "a: >\n\n  b\n", "a: b\n  c\n\n  d\n",
	"a: \"b\\n\\x41\\u00e9 \\\n  c\n  d\n\n  e\"\n", "a: 'it''s\n  b'\n", "\ufeffa: b\r\nc: d\r\n", "a: &b c", "a: *b", "a: !!str b", "<<: a",
	"? a", "a: 1\na: 2", "a: ~\nb: 0o7\nc: 0x1f\nd: 1.5e3\ne: .inf\nf: yes\n", "a:b", "a: b: c", "-a: b", "a: - b", "a\n b: c", "a: \"b\"c", "a: #b\n c",
	"a:\tb", "a: b\t# c", "%YAML 1.2\n---\na", "a\n...\n", "a\n---\nb", "\"a\": b\n'c' : d\n", "a: |\n b\n# c\n  d\n", "[a: b]", "[a,,b]", "[a, ]", "{a: , b}",
	"a: -b\nc: ?d\ne: :f\n", "[-a, http://b:80/c]", "a:\n  - b\n c: d", "services:\n  web:\n    command: [\"nginx\", \"-g\", \"daemon off;\"]\n    depends_on:\n      db: {condition: service_healthy}\n",
}
