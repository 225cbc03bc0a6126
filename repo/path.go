package repo

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkPath says why a path may not be written, or "". Everything that some
// system takes for .git, for a parent folder or for a device is refused.
func checkPath(p string) string {
	if p == "" {
		return "empty path"
	}
	if len(p) > 4096 {
		return "longer than 4096 bytes"
	}
	if !utf8.ValidString(p) {
		return "not UTF-8"
	}
	for part := range strings.SplitSeq(p, "/") {
		if why := checkName(part); why != "" {
			return why
		}
	}
	return ""
}

// checkName is checkPath for one component.
func checkName(name string) string {
	switch {
	case ordinaryName(name):
		return ""
	case name == "":
		return "empty component"
	case name == "." || name == "..":
		return "component " + name
	case len(name) > 255:
		return "component longer than 255 bytes"
	case strings.ContainsAny(name, "/\\:"):
		return "a backslash, slash or colon in a name"
	case looksLikeGit(name):
		return "a name that some system takes for .git"
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return "a control character in a name"
		}
	}
	return ""
}

// unsafeName says why an entry of somebody's tree is not read, or "". It is
// laxer than checkName: what Linux can hold and nothing misreads may be read.
func unsafeName(name string) string {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return "a name that leaves its folder"
	case looksLikeGit(name) && !strings.EqualFold(name, ".gitmodules"):
		return "a name that some system takes for .git"
	}
	return ""
}

// looksLikeGit follows git's own verify_path: case, HFS+ ignorable runes, NTFS
// short names, trailing dots and blanks. .gitmodules is refused too, since it
// makes git fetch things.
func looksLikeGit(name string) bool {
	if plainName(name) {
		return false
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	s = strings.TrimRight(s, ". ")
	return s == ".git" || s == ".gitmodules" || strings.HasPrefix(s, "git~") || strings.HasPrefix(s, "gitmod~")
}

// plainName reports whether a name begins with an ASCII letter or digit that no
// spelling of .git begins with: almost all do.
func plainName(name string) bool {
	if name == "" {
		return false
	}
	c := name[0]
	return c != 'g' && c != 'G' && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9')
}

// ordinaryName reports whether a name is plain, short and made of ASCII letters,
// digits and -_. only, so that nothing else has to be looked at.
func ordinaryName(name string) bool {
	if len(name) > 255 || !plainName(name) {
		return false
	}
	for i := 1; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// badPath is the error for a path that may not be written.
func badPath(p, why string) error { return fmt.Errorf("path %q refused: %s", p, why) }

// under reports whether path is prefix or below it; "" holds everything.
func under(path, prefix string) bool {
	return prefix == "" || path == prefix ||
		len(path) > len(prefix) && path[len(prefix)] == '/' && path[:len(prefix)] == prefix
}

// cleanPrefix takes the forms people type: "prod", "prod/", "/", "".
func cleanPrefix(p string) string { return strings.Trim(p, "/") }
