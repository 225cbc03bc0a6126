// Command newplatform writes the skeleton of a connector for another BI
// platform: make new-platform NAME=grafana.
package main

import (
	"fmt"
	"os"

	"github.com/dashkeep/dashkeep/internal/platform/scaffold"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage, in the top folder of dashkeep's source: make new-platform NAME=grafana")
		os.Exit(64)
	}
	files, err := scaffold.Write(".", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "make new-platform:", err)
		os.Exit(1)
	}
	for _, f := range files {
		fmt.Println("wrote", f.Path)
	}
	fmt.Print(scaffold.Next(os.Args[1]))
}
