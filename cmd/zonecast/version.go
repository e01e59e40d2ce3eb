package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what this program was built from.
type version struct {
	Version  string `json:"version"`  // of the module; (devel) for a build from a working tree
	Revision string `json:"revision"` // of the source; "" if it was built without version control
	Modified bool   `json:"modified"` // the source differed from that revision
	Go       string `json:"go"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print what this program was built from", Args: cobra.NoArgs,
		Example: "  zonecast version --json",
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			text := fmt.Sprintf("zonecast %s", v.Version)
			if v.Revision != "" {
				text += " " + v.Revision
			}
			if v.Modified {
				text += " (modified)"
			}
			return a.print(v, text+", "+v.Go)
		},
	}
}

func buildVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version{Version: "unknown"}
	}
	v := version{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
