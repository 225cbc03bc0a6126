package superset

import (
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/platform"
)

// rightsLimits is what of roles, row-level security and reports is not kept or
// cannot be written.
func rightsLimits() []platform.Limit {
	const (
		named   = "read only when `select.kinds` names it, written only when `apply_kinds` does too"
		renamed = "known by its name: one that is renamed in the server becomes another asset, and another title in Git is refused"
		api     = "before 6.0.0 only where FAB_ADD_SECURITY_API is on"
		unknown = "permissions that the server does not have (another version; a database, dataset or schema that is not there) are left out and named"
		gone    = "datasets and roles that the server does not have are left out and named"
		off     = "arrives switched off, which is told: it sends nothing before somebody has switched it on there, or applied it again"
		links   = "the address of a webhook and tokens in URL parameters are masked; what the server does not have must stand under `secrets:` in the config"
		before  = "before 6.1.0 without recipients of type Webhook, and the last recipient cannot be taken away: both are named"
	)
	all := []struct {
		kind  asset.Kind
		verbs []platform.Verb
		why   string
	}{
		{kindRole, []platform.Verb{platform.Read}, named},
		{kindRole, []platform.Verb{platform.Read}, "Superset's own roles Admin, Alpha, Gamma and sql_lab are not: `superset init` gives them their permissions again, others in each version"},
		{kindRole, []platform.Verb{platform.Read}, api},
		{kindRole, []platform.Verb{platform.Access}, "who has the role is not kept: people and groups differ per server"},
		{kindRole, []platform.Verb{platform.Create, platform.Update, platform.Restore}, unknown},
		{kindRole, []platform.Verb{platform.Update}, renamed},
		{kindRole, []platform.Verb{platform.Delete}, "Public cannot be; rules of row-level security lose a deleted role without a word from Superset"},
		{kindRule, []platform.Verb{platform.Read}, named},
		{kindRule, []platform.Verb{platform.Create}, "Superset takes a new one only with a dataset"},
		{kindRule, []platform.Verb{platform.Create, platform.Update, platform.Restore}, gone},
		{kindRule, []platform.Verb{platform.Update}, renamed},
		{kindReport, []platform.Verb{platform.Read}, named},
		{kindReport, []platform.Verb{platform.Read, platform.Create, platform.Restore}, links},
		{kindReport, []platform.Verb{platform.Read}, "only where the feature flag ALERT_REPORTS is on"},
		{kindReport, []platform.Verb{platform.Create, platform.Restore}, off},
		{kindReport, []platform.Verb{platform.Update}, before},
		{kindReport, []platform.Verb{platform.Update}, renamed},
	}
	var out []platform.Limit
	for _, l := range all {
		for _, v := range l.verbs {
			out = append(out, platform.Limit{Kind: l.kind, Verb: v, Partly: true, Why: l.why})
		}
	}
	return out
}
