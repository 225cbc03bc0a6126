//go:build !linux

package repo

// syncFileSystem: there is no such call here, or one that does not wait.
func syncFileSystem(string) (done bool, err error) { return false, nil }
