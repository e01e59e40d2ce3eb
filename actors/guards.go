package actors

// Guards are the rules of users and zones that keep promises honest. All of them
// hold outside of tests; a test switches one off to show that the simulator notices.
type Guards struct {
	NextUnasked bool // try the next zone without asking the last one to forget
	NoKnownIDs  bool // place a request again that is known
	NoExpiry    bool // leave leases and holds that have ended where they are
}
