package superset

import "github.com/dashkeep/dashkeep/internal/platform"

// limits says what of Superset's assets is not kept or cannot be written. The
// F numbers are those of the package comment.
func limits() []platform.Limit {
	const (
		tags     = "tags are there only where the server exports them: from 6.0.0 on, with TAGGING_SYSTEM"
		secrets  = "passwords, tokens and keys are masked and never in Git; one that the server does not have must stand under `secrets:` in the config"
		unique   = "refused when another one of the server has the same name (datasets: in the same database, catalog and schema; dashboards: the same slug), because Superset would overwrite that one"
		lost     = "one whose dataset is gone is read but cannot be written: Superset's import refuses it"
		pointing = "references to charts that are not on the dashboard, a theme the server does not have, and settings of legacy filter boxes, which Superset's import removes, are left out and named"
		layers   = "annotation layers the server does not have are left out and named"
		named    = "known by its name: one that is renamed in the server becomes another asset, and another title in Git is refused"
		older    = "fields that the server's version does not export are not compared"
	)
	return []platform.Limit{
		{Verb: platform.Access, Why: "owners, roles and row level security are neither read nor written; Superset adds the account that imports to the owners"},

		{Kind: kindDatabase, Verb: platform.Read, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Create, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDatabase, Verb: platform.Delete, Partly: true, Why: "Superset refuses while a dataset uses it"},
		{Kind: kindDatabase, Verb: platform.Restore, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Verified, Partly: true, Why: "secrets cannot be read back in clear: what else differs is found"},
		{Kind: kindDatabase, Verb: platform.Verified, Partly: true, Why: older},

		{Kind: kindDataset, Verb: platform.Read, Partly: true, Why: "a `cache_timeout` that equals the database's is read as inherited: Superset exports both alike"},
		{Kind: kindDataset, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDataset, Verb: platform.Verified, Partly: true, Why: older},

		{Kind: kindTag, Verb: platform.Create, Partly: true, Why: "names that Superset gives to tags of its own (`owner:1`, `type:chart`) are refused: a tag of that name made by hand breaks saving on the server"},
		{Kind: kindTag, Verb: platform.Update, Partly: true, Why: named},

		{Kind: kindCSS, Verb: platform.Read, Partly: true, Why: "two of one name, or one without a name, are reported and not read: the name is all that tells one from another"},
		{Kind: kindCSS, Verb: platform.Update, Partly: true, Why: named},

		{Kind: annotationLayer, Verb: platform.Read, Partly: true, Why: "annotations that change while their layer does not are seen by a complete reading only"},
		{Kind: annotationLayer, Verb: platform.Update, Partly: true, Why: named},

		{Kind: kindChart, Verb: platform.Read, Partly: true, Why: tags},
		{Kind: kindChart, Verb: platform.Create, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Create, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Update, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Update, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Restore, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Restore, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Verified, Partly: true, Why: tags},

		{Kind: kindDashboard, Verb: platform.Read, Partly: true, Why: tags},
		{Kind: kindDashboard, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDashboard, Verb: platform.Create, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Update, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Restore, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Verified, Partly: true, Why: tags},
		{Kind: kindDashboard, Verb: platform.Verified, Partly: true, Why: older},
	}
}
