package asset_test

import (
	"fmt"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// benchDocument is a dashboard of about 20 KB: a large position map, some
// metadata, some SQL.
func benchDocument() *yaml.Node {
	position := asset.Map()
	for i := range 60 {
		id := fmt.Sprintf("CHART-%08x", i*2654435761)
		position.Content = append(position.Content, asset.Str(id), asset.Map(
			"children", asset.Seq(), "id", id, "type", "CHART",
			"parents", asset.Seq(asset.Str("ROOT_ID"), asset.Str("GRID_ID"), asset.Str("ROW-1")),
			"meta", asset.Map("chartId", fmt.Sprintf("ref:chart:%08x-fb49-7bac-7f14-cc76cd2ad93b", i), "height", 50+i, "width", 4, "sliceName", fmt.Sprintf("Umsatz je Region %d", i))))
	}
	columns := asset.Seq()
	for i := range 30 {
		columns.Content = append(columns.Content, asset.Map("column_name", fmt.Sprint("col_", i), "type", "VARCHAR(255)", "is_dttm", i%2 == 0, "expression", nil, "weight", float64(i)/7))
	}
	sql := "SELECT o.id,\n       o.amount * 1.19 AS gross,\n       c.name\nFROM orders o\nJOIN customers c ON c.id = o.customer_id\nWHERE o.created > '2020-01-01'\n"
	return asset.Map("dashkeep", "superset/1", "kind", "dashboard", "uid", "04f79081-fb49-7bac-7f14-cc76cd2ad93b", "title", "Sales Dashboard",
		"spec", asset.Map("position", position, "columns", columns, "sql", sql, "description", "Line one\nLine two, longer\n"))
}

func BenchmarkEncode(b *testing.B) {
	doc := benchDocument()
	out, err := asset.Encode(doc)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := asset.Encode(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	out, err := asset.Encode(benchDocument())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := asset.Parse(out); err != nil {
			b.Fatal(err)
		}
	}
}
