// Package supersettest is a simulated Apache Superset, 6.1.0 or with WithVersion
// 4.1.4, 5.0.0 or 6.0.0: an http.Handler that keeps its state in memory and
// answers as the real server does. Tests and `dashkeep demo` run against it; the
// conformance suite, recorded answers of each release and a mirror test that does
// the same to a real server hold it honest.
//
// What it copies, as measured on live servers and read in their source:
// JWT login with real expiry, CSRF token bound to a session cookie, 302 to
// /login/ for a write without them, rison queries with page_size capped at 100,
// zip exports with a dated root and a row id in most file names, child rows
// ordered by the sorted characters of their text, charts that are linked but
// not laid out appended in rows with random names, secrets in clear where 6.1.0
// exports them so, imports in one transaction that overwrite their own kind
// only, match by unique constraint as well as by uuid, remap some row ids and
// leave others stale, and answer 422, 400 or 500 with the real bodies.
//
// What it leaves out: running queries, thumbnails, filter-box charts and other
// visualization types that the real server migrates at import, roles beyond
// Admin, Alpha and Gamma, what 6.1.0 takes out of themes (scripts in SVG, fonts
// from elsewhere), and the exact layout of exported YAML: documents parse to the
// same values, but every string that needs quotes is double-quoted with \uXXXX
// escapes and long lines are not folded.
package supersettest
