package superset

import "github.com/dashkeep/dashkeep/internal/platform"

// limits says what of Superset's assets is not kept or cannot be written. The
// F numbers are those of the package comment.
func limits() []platform.Limit {
	const (
		people   = "a person is found by e-mail, else user name, a role by name: whom the server does not have is left out and named, and where it has none of them owners or roles stay as they were"
		itself   = "an account that is no administrator stays among the owners of what it writes: Superset adds it whatever is sent"
		link     = "`external_url` is in no answer of Superset's: an import leaves it as it is, and a restore into an empty server cannot bring it"
		tagsOnly = "tags are kept; Superset has neither owners nor roles for it"
		none     = "Superset has neither owners nor roles nor tags for it"
		secrets  = "passwords, tokens and keys are masked and never in Git; one that the server does not have must stand under `secrets:` in the config"
		unique   = "refused when another one of the server has the same name (datasets: in the same database, catalog and schema; dashboards: the same slug), because Superset would overwrite that one"
		lost     = "one whose dataset is gone is read but cannot be written: Superset's import refuses it"
		pointing = "references to charts that are not on the dashboard, a theme the server does not have, and settings of legacy filter boxes, which Superset's import removes, are left out and named"
		layers   = "annotation layers the server does not have are left out and named"
		named    = "known by its name: one that is renamed in the server becomes another asset, and another title in Git is refused"
		makers   = "Superset shows each account, also an administrator, only those that it made itself: one config reads one account's, and what it writes is made by it"
		system   = "the two themes that Superset makes from its configuration (`is_system`) are the server's and no assets; a dashboard that uses one keeps it there, and comes without it to another server"
		flags    = "the server's default and dark theme can be chosen by an administrator only, and not where ENABLE_UI_THEME_ADMINISTRATION is off; else it is left out and named"
		older    = "fields that the server's version does not export are not compared"
	)
	return append([]platform.Limit{
		{Verb: platform.Read, Partly: true, Why: "an account that is no administrator is shown a part of the dashboards, and of the data without `all_datasource_access` and `all_database_access`; what it is not shown stays in Git"},
		{Verb: platform.Update, Partly: true, Why: "an account that is no administrator overwrites only the datasets, charts and dashboards that it owns; the others are named"},

		{Kind: kindDatabase, Verb: platform.Read, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Read, Partly: true, Why: "`server_cert` is in no export and is not kept"},
		{Kind: kindDatabase, Verb: platform.Create, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDatabase, Verb: platform.Delete, Partly: true, Why: "Superset refuses while a dataset uses it"},
		{Kind: kindDatabase, Verb: platform.Restore, Partly: true, Why: secrets},
		{Kind: kindDatabase, Verb: platform.Verified, Partly: true, Why: "secrets cannot be read back in clear: what else differs is found"},
		{Kind: kindDatabase, Verb: platform.Access, Partly: true, Why: "Superset has no owners, roles or tags for connections: the managed flag is kept"},
		{Kind: kindDatabase, Verb: platform.Access, Partly: true, Why: link},
		{Kind: kindDatabase, Verb: platform.Verified, Partly: true, Why: older},

		{Kind: kindSavedQuery, Verb: platform.Read, Partly: true, Why: makers},
		{Kind: kindSavedQuery, Verb: platform.Read, Partly: true, Why: "one without a label cannot be exported (500); while there is one whose uuid is not known, none is read"},
		{Kind: kindSavedQuery, Verb: platform.Create, Partly: true, Why: "refused when another account of the server has one of the same uuid"},

		{Kind: kindTheme, Verb: platform.Read, Partly: true, Why: system},
		{Kind: kindTheme, Verb: platform.Create, Partly: true, Why: flags},
		{Kind: kindTheme, Verb: platform.Update, Partly: true, Why: flags},
		{Kind: kindTheme, Verb: platform.Update, Partly: true, Why: "from 6.1.0 on Superset takes scripts out of SVG and URLs, and refuses fonts from elsewhere (THEME_FONT_URL_ALLOWED_DOMAINS)"},
		{Kind: kindTheme, Verb: platform.Delete, Partly: true, Why: "Superset refuses while it is the server's default or dark theme"},
		{Kind: kindTheme, Verb: platform.Restore, Partly: true, Why: flags},

		{Kind: kindDataset, Verb: platform.Read, Partly: true, Why: "a `cache_timeout` that equals the database's is read as inherited: Superset exports both alike"},
		{Kind: kindDataset, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDataset, Verb: platform.Access, Partly: true, Why: people},
		{Kind: kindDataset, Verb: platform.Access, Partly: true, Why: itself},
		{Kind: kindDataset, Verb: platform.Access, Partly: true, Why: link},
		{Kind: kindDataset, Verb: platform.Access, Partly: true, Why: "whenever owners are set, Superset writes the connection's default catalog into a dataset that has none, and from 6.0.0 on over any other: that one is put back, and the account that wrote it stays among the owners and is named"},
		{Kind: kindDataset, Verb: platform.Verified, Partly: true, Why: older},

		{Kind: kindSavedQuery, Verb: platform.Access, Partly: true, Why: tagsOnly},

		{Kind: kindTag, Verb: platform.Create, Partly: true, Why: "names that Superset gives to tags of its own (`owner:1`, `type:chart`) are refused: a tag of that name made by hand breaks saving on the server"},
		{Kind: kindTag, Verb: platform.Update, Partly: true, Why: named},
		{Kind: kindTag, Verb: platform.Access, Why: none},

		{Kind: kindCSS, Verb: platform.Read, Partly: true, Why: "two of one name, or one without a name, are reported and not read: the name is all that tells one from another"},
		{Kind: kindCSS, Verb: platform.Update, Partly: true, Why: named},
		{Kind: kindCSS, Verb: platform.Access, Why: none},

		{Kind: annotationLayer, Verb: platform.Read, Partly: true, Why: "annotations that change while their layer does not are seen by a complete reading only"},
		{Kind: annotationLayer, Verb: platform.Update, Partly: true, Why: named},
		{Kind: annotationLayer, Verb: platform.Access, Why: none},

		{Kind: kindChart, Verb: platform.Create, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Create, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Update, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Update, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Restore, Partly: true, Why: lost},
		{Kind: kindChart, Verb: platform.Restore, Partly: true, Why: layers},
		{Kind: kindChart, Verb: platform.Access, Partly: true, Why: people},
		{Kind: kindChart, Verb: platform.Access, Partly: true, Why: itself},
		{Kind: kindChart, Verb: platform.Access, Partly: true, Why: link},

		{Kind: kindTheme, Verb: platform.Access, Why: none},

		{Kind: kindDashboard, Verb: platform.Create, Partly: true, Why: unique},
		{Kind: kindDashboard, Verb: platform.Create, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Update, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Restore, Partly: true, Why: pointing},
		{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: people},
		{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: itself},
		{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: link},
		{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: "the uuid that pages embed it by is the server's own: it stays when domains change, and a dashboard that is created gets a new one"},
		{Kind: kindDashboard, Verb: platform.Access, Partly: true, Why: "embedding is not read where EMBEDDED_SUPERSET is off"},
		{Kind: kindDashboard, Verb: platform.Verified, Partly: true, Why: older},
	}, rightsLimits()...)
}
