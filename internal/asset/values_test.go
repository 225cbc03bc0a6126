package asset_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// generator makes values that YAML writers are known to spoil.
type generator struct {
	*rand.Rand
	made int // scalar values so far, keys included
}

var traps = strings.Fields(`y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE null Null NULL ~ nULL tRUE
	= << < > | - ? : -- --- ... .... [ ] { } [] {} , # & * ! !! % @ \ " ' '' "" $ ( ) ; & &a *a !x !!str %YAML
	0 -0 +0 00 07 0777 0o17 0O17 0x1F 0X1f 0b11 0B1 1_000 _1 1_ 1__0 089 +12 -12 1e3 1E3 1e+3 1.e3 .5 -.5 +.5 1. 1.0 -0.0 1.5e3 1.5e+3 1e1000 .e3 ._ ._1 . .. -. +. + +-1
	0x 0b 0o 0_ 0x_ 12345678901234567890 9223372036854775808 .inf -.inf +.inf .Inf .INF .nan .NaN .NAN inf nan Infinity
	1:20 12:30:45 1:2:3.4 190:20:30 -1:30 2020-01-01 2020-1-1 2020-01-01T00:00:00Z 2020-01-01t1:2:3 0001-01-01 2020-13-45 20-01-01 1.2.3 1,000 1e 0e0 0.0.0
	ref:chart:04f79081-fb49-7bac-7f14-cc76cd2ad93b ${ref:query:1} $${ref: {{x}} {%if%} %(x)s a:b a#b a: b:c http://x/?a=b&c=d#e C:\x \n \t \x00 \u0041`)

var fragments = []string{
	" ", "  ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\t\n", "\n  ", "\n\t", ": ", " #", ":\n", "- ", "? ", "| ", "> ", "'", "\"", "\\", "---\n", "...\n", "#", ":",
	"SELECT a,\n  b\nFROM t -- x\n", "SELECT", "WHERE a = 'it''s' AND b LIKE \"%x\"", "GROUP BY 1, 2;", "\n  SELECT 1", "/* c */", "{{ dt }}", "{% if x %}", "${ref:", "$${ref:",
	"<b>x</b>", "a", "b c", "Z", "é", "ß", "日本語", "\U0001F469\u200d\U0001F680", "\u0301", "\u00a0", "\u3000", "\u00ad", "\u200b", "\u200e", "\u0085", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff",
	"\ufffd", "\u202e", "\u2066", "\U0010ffff", "\U0001fffe", "\ue000", "\u0000", "\u0007", "\u001b[31m", "\u007f", "\u0080", "\u009f", "\u2027", "\u202f", "0", "1", "12", ".", "-", "+", "_", "e", "%",
}

const numeric = "0123456789_.:eE+-xXoObBaAfFtTzZ ~n"

func (g *generator) text() string {
	var b strings.Builder
	switch g.IntN(10) {
	case 0, 1:
		return traps[g.IntN(len(traps))]
	case 2: // a trap in company
		b.WriteString(fragments[g.IntN(len(fragments))])
		b.WriteString(traps[g.IntN(len(traps))])
		if g.IntN(2) == 0 {
			b.WriteString(fragments[g.IntN(len(fragments))])
		}
	case 3, 4: // what looks like a number
		for range 1 + g.IntN(10) {
			b.WriteByte(numeric[g.IntN(len(numeric))])
		}
	case 5: // any characters
		for range g.IntN(12) {
			if r := rune(g.IntN(0x110000) >> (4 * g.IntN(4))); r < 0xd800 || r > 0xdfff {
				b.WriteRune(r)
			}
		}
	case 6: // printable ASCII
		for range g.IntN(20) {
			b.WriteByte(byte(' ' + g.IntN(95)))
		}
	default:
		for range g.IntN(14) {
			b.WriteString(fragments[g.IntN(len(fragments))])
		}
	}
	if g.IntN(2000) == 0 {
		return strings.Repeat(b.String()+"x", 1+g.IntN(300))
	}
	return b.String()
}

func (g *generator) scalar() *yaml.Node {
	g.made++
	switch g.IntN(12) {
	case 0:
		return asset.Int(int(g.Int64()) >> g.IntN(64))
	case 1:
		b := new(big.Int).Lsh(big.NewInt(g.Int64()), uint(g.IntN(80)))
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: asset.TagInt, Value: b.String()}
	case 2:
		return asset.Float(math.Float64frombits(g.Uint64()))
	case 3:
		floats := []float64{0, math.Copysign(0, -1), 1, -1, 1e16, 1e15, 1e-4, 1e-5, 0.1, 1e22, 1e23, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), float64(g.IntN(1000))}
		return asset.Float(floats[g.IntN(len(floats))])
	case 4:
		return []*yaml.Node{asset.Bool(true), asset.Bool(false), asset.Null(), asset.Seq(), asset.Map()}[g.IntN(5)]
	}
	return asset.Str(g.text())
}

// value makes a scalar, or a container of up to five values.
func (g *generator) value(depth int) *yaml.Node {
	if depth <= 0 || g.IntN(3) > 0 {
		return g.scalar()
	}
	if g.IntN(2) == 0 {
		l := asset.Seq()
		for range 1 + g.IntN(5) {
			l.Content = append(l.Content, g.value(depth-1))
		}
		return l
	}
	return g.mapping(depth, 1+g.IntN(5))
}

func (g *generator) mapping(depth, size int) *yaml.Node {
	m := asset.Map()
	seen := map[string]bool{}
	for range size {
		k := asset.Str(g.text())
		if g.IntN(10) == 0 {
			k = asset.Int(g.IntN(1000))
		}
		if g.made++; seen[k.Value] {
			continue
		}
		seen[k.Value] = true
		m.Content = append(m.Content, k, g.value(depth-1))
	}
	return m
}

func (g *generator) document() *yaml.Node {
	m := g.mapping(4, 12)
	for _, k := range []string{"dashkeep", "spec", "title"} {
		if asset.Get(m, k) == nil && g.IntN(2) == 0 {
			m.Content = append(m.Content, asset.Str(k), g.value(2))
		}
	}
	return m
}
