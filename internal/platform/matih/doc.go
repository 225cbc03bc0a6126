// Package matih connects to servers that offer the generic "BI dashboards" API
// under /api/v1/bi/dashboards, as the MATIH platform documents it. It reads and
// writes dashboards together with their widgets, one request per object.
//
// The API has no export, no change times and no readable sharing; its ids are
// the server's own; and what is published about it contradicts itself on
// envelopes, paging and names. Several unrelated products use the same path with
// other names. So every form that is documented is accepted, names and paths are
// a mapping that the config can change (Options), and where an answer leaves a
// doubt the package fails: less than is there must never be taken for a deletion.
//
//   - Listings are read until they fit together: no row twice, as many as the
//     server counts. An answer without a list is an error, not an empty server.
//   - A dashboard without a list of widgets is unreadable, unless the server says
//     that it has none.
//   - 403 means hidden, 404 means gone or not visible to this account. What an
//     account may see decides what is listed, so the connection names the account
//     (Viewer).
//   - Changes are found by comparing content. ETags save transfer where the server
//     sends them, and nothing depends on them.
//
// Dashboards and widgets have uids of their own, kept in platform.IDs. Widgets
// are no assets: they are bound as "<dashboard>/<widget>" of the server.
package matih
