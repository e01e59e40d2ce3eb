package main

import (
	"github.com/spf13/cobra"

	"github.com/zonecast/zonecast/bench/trace"
)

func (a *app) traceInfoCommand() *cobra.Command {
	var o trace.Options
	c := &cobra.Command{
		Use: "info FILE", Short: "Describe a trace: how large it is and how much habit is in it", Args: cobra.ExactArgs(1),
		Long: `Describe a trace: how large it is, and how predictable its users are.

Entropies are in bits. The less the hour of day has once the user is known, compared
with all users together, the more there is to learn of single users.`,
		Example: "  zonecast trace info trace.csv.gz\n  zonecast trace info - --json < trace.csv",
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := a.readTrace(args[0], o)
			if err != nil {
				return err
			}
			a.warn(args[0], t)
			info := trace.Describe(t)
			return a.print(info, info.String())
		},
	}
	c.Flags().BoolVar(&o.Sort, "sort", false, "sort rows by time instead of refusing a file that is not sorted")
	return c
}
