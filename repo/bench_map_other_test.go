//go:build !unix

package repo_test

import "os"

func mapFile(name string) ([]byte, error) { return os.ReadFile(name) }
