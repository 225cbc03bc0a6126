// Package metabase is a folder that nobody put into the list. What it says of
// itself is its own affair; a comment may cite Superset.
package metabase

const Name = "metabase"

const other = "superset"
