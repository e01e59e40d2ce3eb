// Command zonecast predicts what users will need and where, and stages it there
// before they ask. `zonecast --help` lists what it does.
//
// Each command has a file of its own; root.go has what they share.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
