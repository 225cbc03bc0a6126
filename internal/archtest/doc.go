// Package archtest holds the rules of the code's structure as tests: who may
// import whom, the alias of package sync, one YAML writer, no platform by name
// outside its folder, no folder of a platform outside the list, a go-git without
// known holes. It has no code of its own.
package archtest
