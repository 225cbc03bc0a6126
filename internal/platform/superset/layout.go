package superset

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// The names that the exporter draws at random (commands/dashboard/export.py, suffix).
var (
	orphanRow   = regexp.MustCompile(`^ROW-N-[A-Z0-9]{8}$`)
	orphanChart = regexp.MustCompile(`^CHART-[A-Z0-9]{8}$`)
)

// layout makes a dashboard's position the same at each export, and drops copies
// of titles and row ids.
func layout() *normalize.Hook {
	return &normalize.Hook{
		Canonical: func(d *normalize.Doc) error {
			position := asset.Get(d.Root, "position")
			if d.Live {
				renameOrphans(position)
			}
			asset.Delete(position, "HEADER_ID", "meta", "text")
			for key, n := range asset.Each(position) {
				if asset.Text(asset.Get(n, "type")) == "CHART" {
					dropChartID(d, key, asset.Get(n, "meta"))
				}
			}
			return nil
		},
		Back: func(b *normalize.Back) error {
			position := asset.Get(b.Root, "position")
			if meta := asset.Get(position, "HEADER_ID", "meta"); asset.IsMap(meta) {
				asset.Put(meta, asset.Str(b.Title), "text")
			}
			for key, n := range asset.Each(position) {
				uid := asset.Text(asset.Get(n, "meta", "uuid"))
				if asset.Text(asset.Get(n, "type")) != "CHART" || uid == "" {
					continue
				}
				row, _, ok := b.Row(asset.Ref(asset.ID{Kind: kindChart, UID: uid}), normalize.Park)
				if !ok {
					row = strconv.Itoa(normalize.ParkedBase)
					b.Omit(asset.Pointer("position", key, "meta", "uuid"), "chart "+uid+" is not on the server: its place stays empty until the dashboard is applied again with it")
				}
				asset.Put(n, normalize.RowNode(row), "meta", "chartId")
			}
			return nil
		},
	}
}

// dropChartID leaves out the row id where the uuid says the same.
func dropChartID(d *normalize.Doc, key string, meta *yaml.Node) {
	uid, row := asset.Text(asset.Get(meta, "uuid")), asset.Get(meta, "chartId")
	if uid == "" || row == nil {
		return
	}
	if have, ok := d.Row(kindChart, row.Value); d.Live && (!ok || have != uid) {
		d.Note(asset.Pointer("position", key), "shows chart "+uid+" by a row id that is not that chart's; the place may be empty")
	}
	asset.Delete(meta, "chartId")
}

// renameOrphans gives charts that the exporter appended because they stand in no
// layout (F10) names and an order that follow from their uuids. A row that has
// such names already is stored content: somebody may have moved its charts.
func renameOrphans(position *yaml.Node) {
	names := map[string]string{}
	for key, row := range asset.Each(position) {
		if !orphanRow.MatchString(key) || asset.Text(asset.Get(row, "type")) != "ROW" {
			continue
		}
		children := items(asset.Get(row, "children"))
		if len(children) == 0 || slices.ContainsFunc(children, func(c *yaml.Node) bool { return !isAppended(position, c.Value, key) }) {
			continue
		}
		var uids []string
		for _, c := range children {
			uid := chartUID(position, c.Value)
			names[c.Value] = orphanName(uid)
			uids = append(uids, uid)
		}
		slices.SortFunc(children, func(a, b *yaml.Node) int {
			return strings.Compare(chartUID(position, a.Value), chartUID(position, b.Value))
		})
		slices.Sort(uids)
		sum := sha256.Sum256([]byte(strings.Join(uids, "\n")))
		names[key] = "ROW-N-" + strings.ToUpper(hex.EncodeToString(sum[:4]))
	}
	placed := placedCharts(position)
	for key := range asset.Each(position) {
		if !placed[key] && isAppended(position, key, "") {
			names[key] = orphanName(chartUID(position, key))
		}
	}
	rename(position, names)
}

// isAppended reports whether the exporter made this chart's place: its random
// name, its size, and no layout but row, "" for none (append_charts).
func isAppended(position *yaml.Node, key, row string) bool {
	n := asset.Get(position, key)
	uid := chartUID(position, key)
	if !orphanChart.MatchString(key) || uid == "" || key == orphanName(uid) {
		return false
	}
	meta := asset.Get(n, "meta")
	if h, w := asset.Get(meta, "height"), asset.Get(meta, "width"); h == nil || w == nil || h.Value != "50" || w.Value != "4" {
		return false
	}
	parents := items(asset.Get(n, "parents"))
	if row == "" {
		return len(parents) == 0
	}
	return len(parents) > 0 && parents[len(parents)-1].Value == row
}

func placedCharts(position *yaml.Node) map[string]bool {
	out := map[string]bool{}
	for _, n := range asset.Each(position) {
		for _, c := range items(asset.Get(n, "children")) {
			out[c.Value] = true
		}
	}
	return out
}

func chartUID(position *yaml.Node, key string) string {
	return asset.Text(asset.Get(position, key, "meta", "uuid"))
}

func orphanName(uid string) string {
	hex := strings.ReplaceAll(uid, "-", "")
	return "CHART-" + strings.ToUpper(hex[:min(8, len(hex))])
}

// rename gives places their new names everywhere. A name that is taken, by
// another place or another renaming, is not given.
func rename(position *yaml.Node, names map[string]string) {
	taken := map[string]bool{}
	for key := range asset.Each(position) {
		taken[key] = true
	}
	for _, old := range slices.Sorted(maps.Keys(names)) {
		if taken[names[old]] {
			delete(names, old)
			continue
		}
		taken[names[old]] = true
	}
	if len(names) == 0 {
		return
	}
	for i := 0; i+1 < len(position.Content); i += 2 {
		if to, ok := names[position.Content[i].Value]; ok {
			position.Content[i] = asset.Str(to)
		}
		n := position.Content[i+1]
		if to, ok := names[asset.Text(asset.Get(n, "id"))]; ok {
			asset.Put(n, asset.Str(to), "id")
		}
		for _, list := range []string{"children", "parents"} {
			for _, c := range items(asset.Get(n, list)) {
				if to, ok := names[c.Value]; ok {
					c.Value = to
				}
			}
		}
	}
}

// legacyFilters leaves out the filter settings of the time before native
// filters, which the importer removes whatever they hold.
func legacyFilters() *normalize.Hook {
	return &normalize.Hook{Back: func(b *normalize.Back) error {
		for _, key := range []string{"default_filters", "filter_scopes"} {
			if asset.Delete(b.Root, "metadata", key) {
				b.Omit(asset.Pointer("metadata", key), "Superset removes the settings of legacy filter boxes on import")
			}
		}
		return nil
	}}
}
