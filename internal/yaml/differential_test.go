package yaml

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	library "go.yaml.in/yaml/v3"
)

func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { compare(t, text) })
}

// compare reports whether a text is accepted. If it is, the library reads the same.
func compare(t *testing.T, text string) (accepted bool) {
	n, err := Parse([]byte(text))
	if err != nil {
		e := err.(*Error)
		require.Positive(t, e.Line, text)
		require.Positive(t, e.Column, text)
		require.NotEmpty(t, e.Text, text)
		require.LessOrEqual(t, e.Line, strings.Count(text, "\n")+1, text)
		return false
	}
	var doc library.Node
	require.NoError(t, library.Unmarshal([]byte(text), &doc), "%q", text)
	require.Equal(t, libraryTree(&doc), tree(n), "%q", text)
	return true
}

// TestAsTheLibrary puts texts together from what YAML is made of. TINIT_TEST_YAML=1000000 does more of it.
func TestAsTheLibrary(t *testing.T) {
	parts := []string{
		"a", "b", "c", "key", "é", "1", "~", "true", "<<", "a: ", "b: ", ": ", ":", "- ", "-", "? ", "?", "\n", "\n", "\n  ", "\n ", "\n    ", "\n\n",
		"\nc: ", "\n- ", "\n  - ", "  ", " ", "\t", "\"", "'", "''", "\\", "\\n", "\"x\"", "'y'", "#", " # c", "[", "]", "{", "}", ", ", ",",
		"|", ">", "|-", ">+", "|2", "a: |\n  x\n", "a: >\n  x\n", "---", "...", "&", "*", "!", "%", "@", "`", "\r\n",
	}
	count := 20_000
	if n, err := strconv.Atoi(os.Getenv("TINIT_TEST_YAML")); err == nil {
		count = n
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	accepted := 0
	for range count {
		var text strings.Builder
		for range 1 + random.Intn(14) {
			text.WriteString(parts[random.Intn(len(parts))])
		}
		if compare(t, text.String()) {
			accepted++
		}
	}
	assert.Greater(t, accepted, count/20, "most of them are errors, and nothing was compared")
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
		fmt.Fprintf(b, "%s%s %q %s\n", in, place(n.Line, n.Column, n.Text), n.Text, kind(n))
	}
}

// kind: the library reads numbers as YAML 1.1 too, and times.
func kind(n *Node) string {
	switch n.Kind {
	case Null, Bool:
		return n.Kind.String()
	}
	return "any other"
}

func libraryKind(n *library.Node) string {
	switch n.Tag {
	case "!!null":
		return Null.String()
	case "!!bool":
		return Bool.String()
	}
	return "any other"
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
		return "- \"\" null\n"
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
		fmt.Fprintf(b, "%s%s %q %s\n", in, place(n.Line, n.Column, n.Value), n.Value, libraryKind(n))
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
