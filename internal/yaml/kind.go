package yaml

import "strings"

// kindOf resolves a plain scalar by the core schema (YAML 1.2, 10.3.2).
func kindOf(text string) Kind {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	case ".nan", ".NaN", ".NAN":
		return Float
	}
	if digits, ok := strings.CutPrefix(text, "0o"); ok && all(digits, "01234567") {
		return Int
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok && all(digits, "0123456789abcdefABCDEF") {
		return Int
	}
	if text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	switch text {
	case ".inf", ".Inf", ".INF":
		return Float
	}
	if all(text, decimal) {
		return Int
	}
	return float(text)
}

const decimal = "0123456789"

func all(text, of string) bool { return text != "" && strings.Trim(text, of) == "" }

// float takes a number without a sign: digits, with a point in front of, among or after them, and an exponent.
func float(text string) Kind {
	number, exponent := text, "0"
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		number, exponent = text[:i], text[i+1:]
		if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
			exponent = exponent[1:]
		}
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if all(exponent, decimal) && all(whole+fraction, decimal) {
		return Float
	}
	return String
}
