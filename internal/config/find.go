package config

import (
	"os"
	"path/filepath"
	"strings"
)

// FileName is what a config is called.
const FileName = "dashkeep.yaml"

// Find says which config file to read: the one of the --config flag, else of
// $DASHKEEP_CONFIG, else dashkeep.yaml in dir, else in
// $XDG_CONFIG_HOME/dashkeep. Where none of the last two exists, the *Error
// lists where it looked; a file that was named is returned unseen.
func Find(flag string, getenv func(string) string, dir string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if named := getenv("DASHKEEP_CONFIG"); named != "" {
		return named, nil
	}
	places := []string{filepath.Join(dir, FileName)}
	base := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(base) { // unset, or to be ignored by the XDG specification
		if home := getenv("HOME"); home != "" {
			base = filepath.Join(home, ".config")
		}
	}
	if base != "" {
		places = append(places, filepath.Join(base, "dashkeep", FileName))
	}
	for _, p := range places {
		if fi, err := os.Stat(p); err == nil && !fi.IsDir() {
			return p, nil
		}
	}
	return "", fail("", "there is no config: looked for %s; write one with dashkeep init, or name one with --config or $DASHKEEP_CONFIG", strings.Join(places, " and "))
}
