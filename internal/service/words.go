package service

import (
	"errors"
	"fmt"
	"strings"
)

// splitWords splits a command that is written as one string, as a shell does. No shell reads it: what only a shell could do is an
// error, and so is a backslash that a shell reads in one way and Compose in another.
func splitWords(text string) (words []string, err error) {
	var word strings.Builder
	begun := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r':
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
			continue
		case '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a ' is not closed")
			}
			word.WriteString(text[i+1 : i+1+end])
			i += end + 1
		case '"':
			n, err := doubleQuoted(&word, text[i+1:])
			if err != nil {
				return nil, err
			}
			i += n
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("a backslash has nothing after it")
			}
			if strings.IndexByte("nt\n", text[i]) >= 0 {
				return nil, fmt.Errorf(`%q is not the same to all who read it: put it in single quotes`, text[i-1:i+1])
			}
			word.WriteByte(text[i])
		case ';', '&', '|', '<', '>', '(', ')', '`':
			return nil, fmt.Errorf(`%q is for a shell, and none reads this: quote it, or write ["sh", "-c", "..."]`, c)
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted adds to word what is in text up to a closing quote, and returns how long that is, with the quote.
func doubleQuoted(word *strings.Builder, text string) (n int, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c != '\\':
			word.WriteByte(c)
		case i+1 < len(text) && strings.IndexByte("\"\\$`", text[i+1]) >= 0:
			i++
			word.WriteByte(text[i])
		case i+1 < len(text):
			return 0, fmt.Errorf(`%q in double quotes is not the same to all who read it: use single quotes`, text[i:i+2])
		}
	}
	return 0, errors.New(`a " is not closed`)
}
