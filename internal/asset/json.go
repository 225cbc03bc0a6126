package asset

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// FromJSON reads a JSON text the way Python's json.loads does: integers of any
// size stay exact, what has a point or exponent is a float, NaN and Infinity are
// taken, of duplicate keys the last wins. A lone surrogate (\ud800) is an error,
// for UTF-8 cannot hold it; so is nesting beyond MaxDepth.
func FromJSON(text string) (*yaml.Node, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the JSON text has %d bytes, the limit is %d", len(text), MaxBytes)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("the JSON text is not valid UTF-8")
	}
	p := jsonParser{s: text}
	n, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.s) {
		return nil, p.fail("something follows the JSON value")
	}
	return n, nil
}

type jsonParser struct {
	s     string
	i     int
	count int // values so far
	slab
}

func (p *jsonParser) make(kind yaml.Kind, tag, value string) *yaml.Node {
	n := p.node((len(p.s) - p.i) / 8)
	n.Kind, n.Tag, n.Value = kind, tag, value
	return n
}

func (p *jsonParser) fail(msg string) error {
	line := 1 + strings.Count(p.s[:p.i], "\n")
	col := 1 + utf8.RuneCountInString(p.s[strings.LastIndexByte(p.s[:p.i], '\n')+1:p.i])
	return &SyntaxError{line, col, "JSON: " + msg}
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\t' || p.s[p.i] == '\r') {
		p.i++
	}
}

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	if depth > MaxDepth {
		return nil, p.fail(fmt.Sprintf("nested deeper than %d levels", MaxDepth))
	}
	if p.count++; p.count > MaxNodes {
		return nil, p.fail(fmt.Sprintf("more than %d parts", MaxNodes))
	}
	p.space()
	if p.i == len(p.s) {
		return nil, p.fail("a value is missing at the end")
	}
	switch p.s[p.i] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		s, err := p.str()
		return p.make(yaml.ScalarNode, TagStr, s), err
	}
	for _, w := range jsonWords {
		if w.text[0] == p.s[p.i] && strings.HasPrefix(p.s[p.i:], w.text) {
			p.i += len(w.text)
			return p.make(yaml.ScalarNode, w.tag, w.value), nil
		}
	}
	return p.number()
}

var jsonWords = [...]struct{ text, tag, value string }{
	{"null", TagNull, "null"}, {"true", TagBool, "true"}, {"false", TagBool, "false"},
	{"NaN", TagFloat, ".nan"}, {"Infinity", TagFloat, ".inf"}, {"-Infinity", TagFloat, "-.inf"},
}

func (p *jsonParser) object(depth int) (*yaml.Node, error) {
	m, first := p.make(yaml.MappingNode, TagMap, ""), p.begin()
	p.i++
	for {
		p.space()
		if len(p.stack) == first && p.take('}') {
			return m, nil
		}
		if p.i == len(p.s) || p.s[p.i] != '"' {
			return nil, p.fail("a key in double quotes is missing")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if p.space(); !p.take(':') {
			return nil, p.fail("a colon is missing")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.push(p.make(yaml.ScalarNode, TagStr, key))
		p.push(v)
		p.space()
		if p.take('}') {
			if m.Content = p.end(first); duplicateKey(m) != nil {
				m.Content = lastWins(m.Content)
			}
			return m, nil
		}
		if !p.take(',') {
			return nil, p.fail("a comma or closing brace is missing")
		}
	}
}

// lastWins leaves each key where it stands first, with the value it has last.
func lastWins(pairs []*yaml.Node) (out []*yaml.Node) {
	at := map[string]int{}
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i].Value
		if j, dup := at[key]; dup {
			out[j] = pairs[i+1]
			continue
		}
		out = append(out, pairs[i], pairs[i+1])
		at[key] = len(out) - 1
	}
	return out
}

func (p *jsonParser) array(depth int) (*yaml.Node, error) {
	l, first := p.make(yaml.SequenceNode, TagSeq, ""), p.begin()
	p.i++
	for {
		p.space()
		if len(p.stack) == first && p.take(']') {
			return l, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		p.push(v)
		p.space()
		if p.take(']') {
			l.Content = p.end(first)
			return l, nil
		}
		if !p.take(',') {
			return nil, p.fail("a comma or closing bracket is missing")
		}
	}
}

func (p *jsonParser) take(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *jsonParser) number() (*yaml.Node, error) {
	start := p.i
	p.take('-')
	if !p.take('0') && p.digits() == 0 {
		p.i = start
		return nil, p.fail("no JSON value begins here")
	}
	whole := p.i
	if p.take('.') && p.digits() == 0 {
		p.i = whole // as Python: the number ends before the point
	}
	point := p.i
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		if p.digits() == 0 {
			p.i = point
		}
	}
	text := p.s[start:p.i]
	if p.i > whole {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, p.fail("malformed number")
		}
		return p.make(yaml.ScalarNode, TagFloat, formatFloat(f)), nil
	}
	if text == "-0" {
		text = "0"
	}
	return p.make(yaml.ScalarNode, TagInt, text), nil
}

func (p *jsonParser) digits() (n int) {
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i, n = p.i+1, n+1
	}
	return n
}

// str reads a text; p stands on its opening quote.
func (p *jsonParser) str() (string, error) {
	p.i++
	var b []byte
	for {
		end := p.i
		for end < len(p.s) && p.s[end] != '"' && p.s[end] != '\\' && p.s[end] >= ' ' {
			end++
		}
		part := p.s[p.i:end]
		p.i = end
		switch {
		case end == len(p.s):
			return "", p.fail("the text does not end")
		case p.s[end] == '"':
			p.i++
			return whole(b, part), nil
		case p.s[end] != '\\':
			return "", p.fail("a control character stands in a text")
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		b = utf8.AppendRune(append(b, part...), r)
	}
}

// escape reads a backslash sequence.
func (p *jsonParser) escape() (rune, error) {
	if p.i+1 >= len(p.s) {
		return 0, p.fail("the text does not end")
	}
	c := p.s[p.i+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		p.i += 2
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	r, ok := p.unicode()
	if !ok {
		return 0, p.fail("malformed escape")
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	low, ok := p.unicode()
	if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
		return full, nil
	}
	return 0, p.fail("a lone surrogate is no character")
}

func (p *jsonParser) unicode() (rune, bool) {
	if p.i+6 > len(p.s) || p.s[p.i] != '\\' || p.s[p.i+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(p.s[p.i+2:p.i+6], 16, 16)
	if err != nil {
		return 0, false
	}
	p.i += 6
	return rune(v), true
}
