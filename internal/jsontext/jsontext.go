// Package jsontext writes JSON (RFC 8259).
//
// Encoding/json does that and more. But all that is linked in starts with every init: it took 30 µs of each start, for the
// tables of encoding/base64 for the most part, and 240 KB of binary.
package jsontext

import (
	"fmt"
	"strconv"
	"unicode"
)

// A Member is a name and what it stands for in an [Object].
type Member struct {
	Name  string
	Value any
}

// An Object has its members in this order.
type Object []Member

// Append appends value to buf: nil, a bool, an int, a uint32, a float64, a string, an [Object], or a slice of values or
// objects. It panics on any other.
func Append(buf []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(buf, "null"...)
	case bool:
		return strconv.AppendBool(buf, v)
	case int:
		return strconv.AppendInt(buf, int64(v), 10)
	case uint32:
		return strconv.AppendUint(buf, uint64(v), 10)
	case float64:
		return strconv.AppendFloat(buf, v, 'f', -1, 64)
	case string:
		return appendString(buf, v)
	case Object:
		return appendObject(buf, v)
	case []Object:
		return appendArray(buf, v)
	case []any:
		return appendArray(buf, v)
	}
	panic(fmt.Sprintf("jsontext: a %T", value))
}

func appendObject(buf []byte, o Object) []byte {
	buf = append(buf, '{')
	for i, m := range o {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(appendString(buf, m.Name), ':')
		buf = Append(buf, m.Value)
	}
	return append(buf, '}')
}

func appendArray[T any](buf []byte, values []T) []byte {
	buf = append(buf, '[')
	for i, v := range values {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = Append(buf, v)
	}
	return append(buf, ']')
}

// appendString escapes more than it has to: whatever a terminal would take for a command, or not show. What is not UTF-8
// becomes U+FFFD, as in encoding/json.
func appendString(buf []byte, s string) []byte {
	buf = append(buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			buf = append(buf, '\\', byte(r))
		case r == unicode.ReplacementChar || unicode.IsPrint(r):
			buf = append(buf, string(r)...)
		case r > 0xffff: // in two halves, as in UTF-16
			r -= 0x10000
			buf = fmt.Appendf(buf, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			buf = fmt.Appendf(buf, `\u%04x`, r)
		}
	}
	return append(buf, '"')
}
