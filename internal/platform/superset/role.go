package superset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// roleScript is a program in Superset's own Python that makes a role: Superset has
// no command for roles of one's own, and its REST API has it off by default before
// 6.0.0. It runs on 4.1 to 6.1 and can be run again: what the role has is left, and
// what the version does not know is told.
func roleScript(f platform.RoleFor) string {
	read := chosen(f.Kinds)
	var write []asset.Kind
	if f.Apply {
		write = slices.DeleteFunc(slices.Clone(read), func(k asset.Kind) bool { return traitOf(k).rights && !slices.Contains(f.ApplyKinds, k) })
	}
	name := "dashkeep_pull"
	if len(write) > 0 {
		name = "dashkeep_apply"
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Makes the role %s in Superset (4.1 to 6.1), with what dashkeep needs to read", name)
	line("# %s", plurals(read))
	if len(write) > 0 {
		line("# and to write")
		line("# %s.", plurals(write))
	}
	line("# Run it with Superset's own Python and config, as often as you like:")
	line("#")
	line("#     dashkeep check --role %s > role.py", map[bool]string{true: "apply", false: "pull"}[len(write) > 0])
	line("#     docker exec -i superset python - < role.py")
	line("#")
	line("# then give the role to an account of dashkeep's own:")
	line("#")
	line("#     superset fab create-user --role %s --username dashkeep --firstname Dash --lastname Keep --email dashkeep@example.com", name)
	line("#")
	line("# No role but Admin shows dashboards that are neither published nor the account's own.")
	if slices.ContainsFunc(write, owned) {
		line("# No role but Admin lets it overwrite or delete what it does not own (datasets, charts,")
		line("# dashboards, reports): make the account one of their owners.")
	}
	line("from superset.app import create_app")
	line("")
	line("NAME = %q", name)
	line("PERMISSIONS = [")
	for _, p := range rolePermits(read, write) {
		line("    (%q, %q),", p.what, p.on)
	}
	line("]")
	b.WriteString(roleProgram)
	return b.String()
}

// roleProgram is the part that is always the same (flask_appbuilder's
// SecurityManager, the same in 4.1.4 to 6.1.0).
const roleProgram = `
app = create_app()
with app.app_context():
    from superset import security_manager

    role = security_manager.find_role(NAME) or security_manager.add_role(NAME)
    added = 0
    for permission, view in PERMISSIONS:
        found = security_manager.find_permission_view_menu(permission, view)
        if found is None:
            print("this Superset has no", permission, "on", view)
        elif found not in role.permissions:
            security_manager.add_permission_role(role, found)
            added += 1
    print("role", NAME, "has", len(role.permissions), "permissions,", added, "of them new")
`

// rolePermits are the permissions of the role, in order, each once.
func rolePermits(read, write []asset.Kind) []permit {
	ps := commonPermits()
	for _, k := range read {
		ps = slices.Concat(ps, readPermits(k), sidecar(k, false))
	}
	for _, k := range write {
		ps = slices.Concat(ps, readPermits(k), writePermits(k), sidecar(k, true))
	}
	slices.SortFunc(ps, func(a, b permit) int { return cmp.Or(cmp.Compare(a.on, b.on), cmp.Compare(a.what, b.what)) })
	return slices.Compact(ps)
}
