package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/config"
)

// completeInstances lets shells complete the names of instances where a command
// wants one.
func (a *app) completeInstances(cs ...*cobra.Command) {
	for _, c := range cs {
		if !strings.Contains(c.Use, "INSTANCE") {
			continue
		}
		several := strings.Contains(c.Use, "INSTANCE...")
		c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && !several {
				return nil, cobra.ShellCompDirectiveDefault // a plan file, say
			}
			return a.instanceNames(), cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// instanceNames are those of the config; none when it cannot be read, for nobody
// wants to see errors while typing.
func (a *app) instanceNames() []string {
	path, err := config.Find(a.config, os.Getenv, ".")
	if err != nil {
		return nil
	}
	cfg, err := config.Load(path, a.configOptions())
	if err != nil {
		return nil
	}
	var names []string
	for _, in := range cfg.Instances {
		names = append(names, in.Name)
	}
	return names
}
