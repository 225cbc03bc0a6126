package asset

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// resolvePlain gives the type and the normal text of an unquoted scalar.
//
// The rules are those under which PyYAML 6 (what Superset writes and reads with)
// leaves text unquoted, less the readings that nobody means: yes and on, 12:30:45,
// dates, = and << are text. 0777 and 1_000 are numbers there, so PyYAML
// quotes texts of that look, and what stands bare is a number here too.
func resolvePlain(s string) (tag, value string) {
	if s == "" {
		return TagNull, "null"
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.':
		return resolveNumber(s)
	}
	switch s {
	case "~", "null", "Null", "NULL":
		return TagNull, "null"
	case "true", "True", "TRUE":
		return TagBool, "true"
	case "false", "False", "FALSE":
		return TagBool, "false"
	}
	return TagStr, s
}

func resolveNumber(s string) (tag, value string) {
	switch s {
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return TagFloat, ".inf"
	case "-.inf", "-.Inf", "-.INF":
		return TagFloat, "-.inf"
	case ".nan", ".NaN", ".NAN":
		return TagFloat, ".nan"
	}
	if v, ok := normalInt(s); ok {
		return TagInt, v
	}
	if isFloat(s) {
		if v, ok := normalFloat(strings.ReplaceAll(s, "_", "")); ok {
			return TagFloat, v
		}
	}
	return TagStr, s
}

// normalInt turns [-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]+|0|[1-9][0-9_]*) into decimal.
func normalInt(s string) (string, bool) {
	neg := s[0] == '-'
	d := s
	if neg || s[0] == '+' {
		d = s[1:]
	}
	if d == "" || d[0] < '0' || d[0] > '9' {
		return "", false
	}
	base, valid := 10, "0123456789_"
	switch {
	case d == "0":
		return "0", true
	case strings.HasPrefix(d, "0b"):
		base, valid, d = 2, "01_", d[2:]
	case strings.HasPrefix(d, "0x"):
		base, valid, d = 16, "0123456789abcdefABCDEF_", d[2:]
	case d[0] == '0':
		base, valid, d = 8, "01234567_", d[1:]
	}
	if strings.Trim(d, valid) != "" {
		return "", false
	}
	d = strings.ReplaceAll(d, "_", "")
	if base == 8 && d == "" { // "0_"
		return "0", true
	}
	if base != 10 {
		n, ok := new(big.Int).SetString(d, base)
		if !ok {
			return "", false
		}
		d = n.String()
	}
	if neg && d != "0" {
		d = "-" + d
	}
	return d, true
}

// isFloat matches [-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)? and, without a
// sign, \.[0-9][0-9_]*([eE][-+][0-9]+)?.
func isFloat(s string) bool {
	i := 0
	if s[0] == '-' || s[0] == '+' {
		i++
	}
	digits := func() (n int) {
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || n > 0 && s[i] == '_') {
			i, n = i+1, n+1
		}
		return n
	}
	whole := digits()
	if i == len(s) || s[i] != '.' {
		return false
	}
	if i++; whole == 0 && i > 1 {
		return false
	}
	for whole > 0 && i < len(s) && s[i] == '_' {
		i++
	}
	if fraction := digits(); whole == 0 && fraction == 0 {
		return false
	}
	if i == len(s) {
		return true
	}
	if s[i] != 'e' && s[i] != 'E' || i+2 >= len(s) || s[i+1] != '+' && s[i+1] != '-' {
		return false
	}
	return strings.Trim(s[i+2:], "0123456789") == ""
}

func normalFloat(s string) (string, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return "", false
	}
	return formatFloat(f), true
}

// formatFloat writes the shortest text that reads back as f, with a point and a
// signed exponent: without them PyYAML reads text (1e16) or an integer (1).
func formatFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		if m, e, _ := strings.Cut(s, "e"); !strings.Contains(m, ".") {
			return m + ".0e" + e
		}
		return s
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// normalScalar gives the value of a scalar node in the form Parse would have
// given it. It is an error when tag and text do not belong together.
func normalScalar(tag, value string) (string, error) {
	switch tag {
	case TagStr:
		return value, nil
	case TagNull, TagBool:
		if t, v := resolvePlain(value); t == tag {
			return v, nil
		}
	case TagInt:
		if value != "" {
			if v, ok := normalInt(value); ok {
				return v, nil
			}
		}
	case TagFloat:
		if t, v := resolvePlain(value); t == TagFloat {
			return v, nil
		}
		if strings.Trim(value, "0123456789+-.eE") == "" {
			if v, ok := normalFloat(value); ok {
				return v, nil
			}
		}
	}
	return "", fmt.Errorf("%s is no value of type %q", quoteShort(value), tag)
}
