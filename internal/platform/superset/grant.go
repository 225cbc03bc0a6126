package superset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/normalize"
)

// granting is what is to be sent about one asset's access section, after its import.
// Only what differs from the server's is set.
type granting struct {
	job  *job
	row  int
	body map[string]any // of the PUT; nil for none
	// owners are those the asset is to have; nil when they are not touched.
	owners  []int
	addTags []string
	cutTags []string   // where no PUT takes tags
	embed   *yaml.Node // as the document says it; nil for nothing said
	err     error
}

// settleAccess makes owners, roles, tags and embedding of what was imported what
// the documents say. Every import adds its account to the owners of what it writes
// (F15): it stays only where it is in the document or, when that says nothing of
// owners, where it was an owner before.
func (im *importing) settleAccess(ctx context.Context, k asset.Kind, jobs []*job) {
	if len(accessKeys(k)) == 0 {
		return
	}
	var grants []*granting
	for _, j := range jobs {
		e, ok := im.index.get(j.id())
		if !ok || im.results[j.id()].Err != nil || e.shown == nil {
			continue
		}
		if g := im.grant(ctx, j, e); g.any() {
			grants = append(grants, g)
		}
	}
	im.sendGrants(ctx, grants)
	if owned := slices.DeleteFunc(grants, func(g *granting) bool { return g.err != nil || g.owners == nil }); len(owned) > 0 {
		im.checkGrants(ctx, k, owned)
	}
}

func (g *granting) any() bool {
	return g.body != nil || len(g.addTags) > 0 || len(g.cutTags) > 0 || g.embed != nil
}

func (g *granting) set(key string, v any) {
	if g.body == nil {
		g.body = map[string]any{}
	}
	g.body[key] = v
}

// grant compares what an asset is to have with what it has.
func (im *importing) grant(ctx context.Context, j *job, e *entry) *granting {
	g := &granting{job: j, row: e.row}
	said := func(key string) *yaml.Node { return asset.Get(j.doc.Access, key) }
	if hasAccess(j.doc.Kind, keyOwners) {
		im.grantOwners(ctx, g, e, said(keyOwners))
	}
	switch roles := said(keyRoles); {
	case roles == nil:
	case e.shown.roles == nil:
		im.omit(j.id(), "/access/roles", "this server does not show whose roles may see it, so that stays as the import leaves it")
	default:
		im.grantRoles(ctx, g, e, roles)
	}
	if tags := said(keyTags); tags != nil && e.shown.tags != nil {
		im.grantTags(g, e, tags)
	}
	g.embed = said(keyEmbedded)
	if j.before == nil && g.embed != nil && g.embed.Kind == yaml.ScalarNode {
		g.embed = nil // a new one is not embedded
	}
	if j.doc.Kind == kindDataset && g.body != nil {
		im.keepDataset(g)
	}
	return g
}

func (im *importing) grantOwners(ctx context.Context, g *granting, e *entry, said *yaml.Node) {
	if e.shown.owners == nil {
		if said != nil {
			im.omit(g.job.id(), "/access/owners", "this server does not show who owns it, so its owners stay as the import leaves them")
		}
		return
	}
	want := []int{} // nobody, for one that is new
	if before := g.job.before; before != nil && before.shown != nil {
		want = before.shown.owners
	}
	if said != nil {
		want = im.ownersOf(ctx, g.job, said, want)
	}
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(want, e.shown.owners) {
		g.owners = want
		g.set("owners", want)
	}
}

// ownersOf finds the people a document names, by e-mail, else user name. Those this
// server does not have are named and left out; when it has none of them, those who
// were there before stay.
func (im *importing) ownersOf(ctx context.Context, j *job, said *yaml.Node, before []int) []int {
	ids, missing := []int{}, []string{}
	people := im.c.names(ctx, nil)
	for _, n := range said.Content {
		id := personNamed(people, n.Value)
		if id == 0 && !im.askedAgain {
			im.askedAgain = true // somebody may be new
			people = im.c.askPeopleAgain(ctx)
			id = personNamed(people, n.Value)
		}
		if id == 0 {
			missing = append(missing, n.Value)
			continue
		}
		ids = append(ids, id)
	}
	switch {
	case len(missing) == 0:
	case len(people) == 0:
		im.omit(j.id(), "/access/owners", "this account may not list people, so owners stay as they were")
		return slices.Clone(before)
	case len(ids) == 0:
		im.omit(j.id(), "/access/owners", "the server has no user "+strings.Join(missing, ", ")+": owners stay as they were")
		return slices.Clone(before)
	default:
		im.omit(j.id(), "/access/owners", "the server has no user "+strings.Join(missing, ", "))
	}
	return ids
}

// personNamed is the row of a user, 0 for none. E-mails are compared as people
// write them.
func personNamed(people map[int]asset.Person, name string) int {
	for _, same := range []func(p asset.Person) bool{
		func(p asset.Person) bool { return strings.EqualFold(p.Email, name) },
		func(p asset.Person) bool { return p.Username == name },
	} {
		for _, id := range slices.Sorted(maps.Keys(people)) {
			if same(people[id]) {
				return id
			}
		}
	}
	return 0
}

func (im *importing) grantRoles(ctx context.Context, g *granting, e *entry, said *yaml.Node) {
	var have []int
	for _, r := range e.shown.roles {
		have = append(have, r.ID)
	}
	ids, missing := []int{}, []string{}
	for _, n := range said.Content {
		if i := slices.IndexFunc(e.shown.roles, func(r named) bool { return r.Name == n.Value }); i >= 0 {
			ids = append(ids, e.shown.roles[i].ID)
			continue
		}
		roles, err := im.rolesByName(ctx)
		if err != nil {
			im.omit(g.job.id(), "/access/roles", fmt.Sprintf("the roles of the server cannot be listed, so they stay as they were: %v", err))
			return
		}
		if id, ok := roles[n.Value]; ok {
			ids = append(ids, id)
		} else {
			missing = append(missing, n.Value)
		}
	}
	if len(missing) > 0 {
		text := "the server has no role " + strings.Join(missing, ", ")
		if len(ids) == 0 { // none would open it to everybody who may see its datasets
			ids, text = have, text+": roles stay as they were"
		}
		im.omit(g.job.id(), "/access/roles", text)
	}
	slices.Sort(ids)
	slices.Sort(have)
	if !slices.Equal(ids, have) {
		g.set("roles", ids)
	}
}

func (im *importing) rolesByName(ctx context.Context) (map[string]int, error) {
	if im.roles == nil {
		related, err := im.c.related(ctx, "roles")
		if err != nil {
			return nil, err
		}
		im.roles = map[string]int{}
		for _, r := range related {
			im.roles[r.Text] = r.Value
		}
	}
	return im.roles, nil
}

// grantTags takes tags off by the PUT, which names those that stay by row id, and
// puts new ones on by name, which makes what the server lacks. Saved queries have no
// PUT for tags.
func (im *importing) grantTags(g *granting, e *entry, said *yaml.Node) {
	var want []string
	for _, n := range said.Content {
		if err := ours(n.Value); err != nil {
			im.omit(g.job.id(), "/access/tags", err.Error())
			continue
		}
		want = append(want, n.Value)
	}
	var stay []int
	have := e.shown.tagNames()
	for _, t := range e.shown.tags {
		switch {
		case slices.Contains(want, t.Name):
			stay = append(stay, t.ID)
		default:
			g.cutTags = append(g.cutTags, t.Name)
		}
	}
	g.addTags = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(have, name) })
	if len(g.cutTags) > 0 && tagsByPut(g.job.doc.Kind) {
		g.cutTags = nil
		g.set("tags", append([]int{}, stay...))
	}
}

func tagsByPut(k asset.Kind) bool { return k == kindChart || k == kindDashboard }

// keepDataset adds to the PUT of a dataset what it would otherwise change:
// always_filter_main_dttm has a default in the schema of the PUT, and before 6.0.0 so
// has the catalog, namely the connection's (datasets/schemas.py and
// commands/dataset/update.py, 4.1.4 to 6.1.0; measured on 4.1.4 and 6.1.0).
func (im *importing) keepDataset(g *granting) {
	flag := asset.Get(g.job.node, "always_filter_main_dttm")
	g.set("always_filter_main_dttm", flag != nil && flag.Value == "true")
	if catalog := asset.Text(asset.Get(g.job.node, "catalog")); catalog != "" && normalize.Older(im.version, "6.0.0") {
		g.set("catalog", catalog)
	}
}
