package superset

import (
	"context"
	"slices"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// trait says how one kind is listed, read and written. The table of all of them
// is the only place that knows which kinds there are.
type trait struct {
	kind asset.Kind
	path string // below /api/v1/; "" for the name of the kind
	// title is the field people know it by, and the order of complete lists: by
	// title and not by change, so that an edit while the pages are read moves no row.
	title string
	// columns are what a list is asked for. A row is taken for unchanged when all of
	// it is (changed.go).
	columns string
	since   string // first version that has the kind; "" for all
	rights  bool   // see platform.Factory.Rights
	needs   []asset.Kind
	rules   func() normalize.KindRules

	nameless bool // the list shows no uuid, only the export does (names.go)
	own      bool // the list shows only what this account made

	folder string // in an export, and of what an import takes
	model  string // what the importer expects in metadata.yaml
	// record reads and writes kinds that no export holds, by single requests; nil for
	// those that exports hold (record.go).
	record record
	// complete adds to documents that were read what their export leaves out.
	complete func(ctx context.Context, r *reading) error
	// named: the server shows no uuid of the kind, and its name makes the uid. Such a
	// kind is whole as well, because only all names tell whether one is unique.
	named bool
	// whole: the cheap question reads the whole list and not the rows that changed
	// last. For kinds whose rows show no change time or are not to be had in its order.
	whole  bool
	filter string // of every list, in rison: "(col:type,opr:custom_tag,value:!t)"
	// with is the field that the name of a named kind is unique with ("type").
	with   string
	hidden func(name string) bool // rows of the list that are no assets; nil for none
	off    string                 // what switches the kind on, where the server answers 404
}

// record is a kind that no export holds.
type record interface {
	// read gives the documents of listed rows, as normalize.KindRules describe them:
	// with uid and title under their own names. One that is gone meanwhile is left
	// out; an unreadable one has an err and, like all, an id.
	read(ctx context.Context, c *conn, rows []*entry) ([]document, error)
	// write makes the object of a row become the job's document (job.node, as
	// normalize.Denormalize made it), or creates it when e is nil. What the server
	// cannot hold is added to the job's result (importing.omit).
	write(ctx context.Context, im *importing, j *job, e *entry) error
	// remove deletes the object of a row. What is not there is no error.
	remove(ctx context.Context, c *conn, e *entry) error
}

const (
	editors     = ",changed_by.id" + editorNames
	editorNames = ",changed_by.first_name,changed_by.last_name"
)

// traits lists all kinds in dependency order: what is referred to comes first.
func traits() []trait {
	return []trait{
		{kind: kindDatabase, title: "database_name", rules: databaseRules, folder: "databases", model: "Database",
			columns: "id,uuid,database_name,engine_information,changed_on,changed_by.first_name,changed_by.last_name"},
		{kind: kindSavedQuery, title: "label", rules: savedQueryRules, folder: "queries", model: "SavedQuery", needs: []asset.Kind{kindDatabase},
			nameless: true, own: true, complete: completeQueries,
			columns: "id,label,schema,catalog,database.id,extra,created_on,changed_on,tags.id,tags.name,tags.type" + editors},
		{kind: kindDataset, title: "table_name", rules: datasetRules, folder: "datasets", model: "SqlaTable", needs: []asset.Kind{kindDatabase},
			columns: "id,uuid,table_name,schema,catalog,database.id,database.uuid,changed_on_utc,owners.id" + editors},
		{kind: kindTag, title: "name", rules: tagRules, record: tags{}, named: true,
			columns: "id,name,type,description" + editorNames, filter: "(col:type,opr:custom_tag,value:!t)"},
		{kind: kindCSS, title: "template_name", rules: cssRules, record: cssTemplates{}, named: true,
			columns: "id,template_name,css" + editors},
		{kind: annotationLayer, title: "name", rules: layerRules, record: layerRecords{}, named: true,
			columns: "id,name,descr,changed_on" + editorNames},
		{kind: kindChart, title: "slice_name", rules: chartRules, folder: "charts", model: "Slice", needs: []asset.Kind{kindDataset},
			columns: "id,uuid,slice_name,changed_on_utc,owners.id,tags.id,tags.name,tags.type,is_managed_externally,dashboards.id" + editors},
		{kind: kindTheme, title: "theme_name", rules: themeRules, folder: "themes", model: "Theme", since: "6.0.0",
			whole: true, complete: completeThemes,
			columns: "id,uuid,theme_name,json_data,is_system,is_system_default,is_system_dark" + editors},
		{kind: kindDashboard, title: "dashboard_title", rules: dashboardRules, folder: "dashboards", model: "Dashboard", needs: []asset.Kind{kindChart},
			columns: "id,uuid,dashboard_title,slug,changed_on_utc,owners.id,roles.id,roles.name,tags.id,tags.name,tags.type,is_managed_externally" + editors},
		{kind: kindRole, path: "security/roles", title: "name", rules: roleRules, record: roleRecord{}, named: true, rights: true,
			needs: []asset.Kind{kindDatabase, kindDataset}, columns: "id,name", hidden: isBuiltInRole,
			off: "before 6.0.0 FAB_ADD_SECURITY_API = True in superset_config.py switches their API on"},
		{kind: kindRule, path: "rowlevelsecurity", title: "name", rules: ruleRules, record: ruleRecord{}, named: true, rights: true,
			needs: []asset.Kind{kindDataset}, columns: ""}, // asked for none in particular, the list shows all there is of a rule
		{kind: kindReport, title: "name", rules: reportRules, record: reportRecord{}, named: true, with: "type", rights: true,
			needs: []asset.Kind{kindDatabase, kindChart, kindDashboard}, off: "the feature flag ALERT_REPORTS switches them on",
			columns: "id,name,type,active,crontab,timezone,chart_id,dashboard_id,extra,description,creation_method,owners.id,recipients.id,recipients.type,changed_on" + editorNames},
	}
}

func traitOf(k asset.Kind) trait {
	for _, t := range traits() {
		if t.kind == k {
			return t
		}
	}
	return trait{kind: k}
}

func (t trait) endpoint() string {
	if t.path != "" {
		return "/api/v1/" + t.path + "/"
	}
	return "/api/v1/" + string(t.kind) + "/"
}

// Kinds lists what can be read and written, in dependency order.
func Kinds() []asset.Kind {
	var ks []asset.Kind
	for _, t := range traits() {
		ks = append(ks, t.kind)
	}
	return ks
}

// rightsKinds are the kinds that are only read when they are asked for by name.
func rightsKinds() []asset.Kind {
	var ks []asset.Kind
	for _, t := range traits() {
		if t.rights {
			ks = append(ks, t.kind)
		}
	}
	return ks
}

// chosen are the kinds of a connection, in dependency order: those the config
// selects and what they need, or all that are content.
func chosen(selected []asset.Kind) []asset.Kind {
	want := map[asset.Kind]bool{}
	var add func(k asset.Kind)
	add = func(k asset.Kind) {
		if !want[k] {
			want[k] = true
			for _, n := range traitOf(k).needs {
				add(n)
			}
		}
	}
	for _, k := range selected {
		add(k)
	}
	return slices.DeleteFunc(Kinds(), func(k asset.Kind) bool {
		if len(selected) == 0 {
			return traitOf(k).rights
		}
		return !want[k]
	})
}

// kinds are those that are read on this connection: chosen, and the server has
// them. Every other kind is reported as not read (skips), never as empty.
func (c *conn) kinds(ctx context.Context) []asset.Kind {
	v := c.version(ctx)
	return slices.DeleteFunc(slices.Clone(c.chosen), func(k asset.Kind) bool { return lacksKind(k, v) })
}

func lacksKind(k asset.Kind, version string) bool {
	since := traitOf(k).since
	return since != "" && version != "" && normalize.Older(version, since)
}

// whyNot says why a kind is not read or written on this connection.
func (c *conn) whyNot(version string, k asset.Kind) string {
	switch {
	case !slices.Contains(Kinds(), k):
		return "Superset has no such kind"
	case !slices.Contains(c.chosen, k):
		return "not selected (select.kinds)"
	}
	return "Superset " + version + " has no " + k.Plural() + "; they came with " + traitOf(k).since
}

// skips says, of each kind that the config leaves out or the server has not, why.
func (c *conn) skips(ctx context.Context) []asset.KindError {
	var out []asset.KindError
	v := c.version(ctx)
	for _, k := range Kinds() {
		switch {
		case !slices.Contains(c.chosen, k):
			out = append(out, asset.KindError{Kind: k, Why: c.whyNot(v, k), Reason: asset.NotChosen})
		case lacksKind(k, v):
			out = append(out, asset.KindError{Kind: k, Why: c.whyNot(v, k), Reason: asset.NotThere})
		}
	}
	return out
}

// folderKind is the kind of the first folder below a bundle's dated root.
func folderKind(folder string) (asset.Kind, bool) {
	for _, t := range traits() {
		if t.folder != "" && t.folder == folder {
			return t.kind, true
		}
	}
	return "", false
}
