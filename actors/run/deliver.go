package run

import (
	"errors"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/zonecast/zonecast/actors"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
	"github.com/zonecast/zonecast/persistence"
)

// requester is a message of which a second copy must have no second effect.
type requester interface{ GetRequestId() string }

// Deliver steps the machine with one message and proposes what it decided. A
// request id that is in flight or was answered does not reach the machine: its
// caller gets the one result. Nor does a reminder whose batch is in flight: it is
// due until that is applied.
func (a *Activation) Deliver(now span.Time, d Delivery, out *Output) {
	woken, reminded := d.Message.(*messages.Woken)
	if a.dropped && d.Caller == 0 || reminded && a.waking[woken.GetKey()] {
		return
	}
	a.lastUsed = now
	if d.Caller != 0 && a.settle(d, out) {
		return
	}
	a.effects.Reset()
	a.machine.Step(now, d.From, d.Message, &a.effects)
	if reminded {
		a.clearWake(woken.GetKey())
		a.waking[woken.GetKey()] = true
	}
	if err := a.commit(now, d, out); err != nil {
		a.Drop(err, out)
	}
}

// settle answers d without a step where it can, and else notes who waits.
func (a *Activation) settle(d Delivery, out *Output) bool {
	refuse := func(code messages.Code, text string) bool {
		out.answer(d.Caller, &messages.Error{Code: code, Text: text})
		return true
	}
	if a.dropped {
		return refuse(messages.Code_CODE_UNAVAILABLE, "the actor is moving; send the request again with the same id")
	}
	if len(a.queue) >= QueueMax {
		return refuse(messages.Code_CODE_OVERLOADED, "too many requests wait for this actor; send it again later")
	}
	message, ok := d.Message.(requester)
	if !ok || message.GetRequestId() == "" {
		return refuse(messages.Code_CODE_INVALID, "the message has no request id")
	}
	id := message.GetRequestId()
	if waiting, inFlight := a.callers[id]; inFlight && !a.guards.NoDedupe {
		a.callers[id] = append(waiting, d.Caller)
		return true
	}
	if result, found, err := a.log.Answer(a.key, id); err != nil {
		return refuse(messages.Code_CODE_UNAVAILABLE, err.Error())
	} else if found && !a.guards.NoDedupe {
		return a.repeat(d.Caller, result, out)
	}
	a.callers[id] = append(a.callers[id], d.Caller)
	return false
}

// repeat gives a caller the stored result of its request.
func (a *Activation) repeat(caller uint64, result []byte, out *Output) bool {
	answer, err := decodeAnswer(result)
	if err != nil {
		answer = &messages.Error{Code: messages.Code_CODE_UNAVAILABLE, Text: err.Error()}
	}
	out.answer(caller, answer)
	return true
}

// clearWake takes a delivered reminder off, unless the step set it again.
func (a *Activation) clearWake(key string) {
	for _, w := range a.effects.Wakes {
		if w.Key == key {
			return
		}
	}
	a.effects.Wakes = append(a.effects.Wakes, actors.Wake{Key: key})
}

// commit proposes the step's batch if it has one and queues its effects.
func (a *Activation) commit(now span.Time, d Delivery, out *Output) error {
	e := &a.effects
	if !e.Durable() && len(e.Sends) == 0 && len(e.Replies) == 0 {
		return nil
	}
	g := group{since: now}
	if woken, reminded := d.Message.(*messages.Woken); reminded {
		g.woken = woken.GetKey()
	}
	if e.Durable() {
		batch := a.batch(now)
		if err := a.log.Propose(batch); err != nil {
			return err
		}
		a.version, g.version = batch.Version, batch.Version
	} else if !d.StaleOK && len(e.Sends)+len(e.Replies) > 0 {
		a.reads++
		if err := a.log.ReadIndex(a.reads); err != nil {
			return err
		}
		g.read = a.reads
	}
	g.ready = g.version == persistence.Version{} && g.read == 0
	g.sends = append(g.sends, e.Sends...)
	g.replies = append(g.replies, e.Replies...)
	a.queue = append(a.queue, g)
	a.release(out)
	return nil
}

// batch encodes the step's records on the version that the machine now has.
func (a *Activation) batch(now span.Time) *persistence.Batch {
	a.number++
	b := &persistence.Batch{
		Actor:   a.key,
		Version: persistence.Version{Term: a.term, Activation: a.serial, Number: a.number},
		Base:    a.version,
		NowMs:   int64(now),
		Answers: a.answers(),
	}
	for _, w := range a.effects.Wakes {
		b.Wakes = append(b.Wakes, persistence.Wake{Actor: a.key, Key: w.Key, AtMs: int64(w.At)})
	}
	for i, s := range a.effects.Samples {
		b.Rows = append(b.Rows, a.row(s, i))
	}
	a.records(b)
	return b
}

// records puts the step's records into b, or a snapshot once the tail is long.
func (a *Activation) records(b *persistence.Batch) {
	for _, r := range a.effects.Records {
		encoded := messages.AppendRecord(nil, r)
		b.Records = append(b.Records, encoded)
		a.tail.add(encoded)
	}
	if a.tail.records <= TailRecordsMax && a.tail.bytes <= TailBytesMax {
		return
	}
	if snapshot := a.machine.Snapshot(); snapshot != nil {
		b.Records, b.Snapshot = nil, messages.AppendRecord(nil, snapshot)
		a.tail = tail{}
	}
}

// answers are the results that the step settles for good: those it recorded
// something for and somebody waits for, each id once. A mere read or refusal may
// turn out otherwise next time, and an id that nobody waits for may have an answer
// from before.
func (a *Activation) answers() []persistence.Answer {
	if len(a.effects.Records) == 0 {
		return nil
	}
	var settled []persistence.Answer
	for i, r := range a.effects.Replies {
		again := slices.ContainsFunc(a.effects.Replies[:i], func(s actors.Reply) bool { return s.Request == r.Request })
		if _, waited := a.callers[r.Request]; waited && !again {
			settled = append(settled, persistence.Answer{Request: r.Request, Result: encodeAnswer(r.Message)})
		}
	}
	return settled
}

// row encodes a sample; its identity is the batch's, since a batch is applied
// once, or what the sample itself says where it has a source.
func (a *Activation) row(s *messages.Sample, i int) persistence.Row {
	data, err := proto.Marshal(s)
	if err != nil {
		panic("run: sample: " + err.Error()) // strings were validated on entry
	}
	identity := SampleIdentity(s)
	if s.GetSource() == "" {
		v := persistence.Version{Term: a.term, Activation: a.serial, Number: a.number}
		identity = v.String() + "." + strconv.Itoa(i)
	}
	return persistence.Row{Actor: a.key, Identity: identity, AtMs: s.GetAtMs(), Data: data}
}

// release lets out the effects of all groups at the head that wait for nothing.
func (a *Activation) release(out *Output) {
	done := 0
	for i := range a.queue {
		g := &a.queue[i]
		if !g.ready && !a.guards.SendBeforeRecorded {
			break
		}
		out.Sends = append(out.Sends, g.sends...)
		for _, r := range g.replies {
			a.reply(r, out)
		}
		g.sends, g.replies = nil, nil
		if !g.ready {
			continue
		}
		done = i + 1
	}
	a.queue = a.queue[done:]
	if len(a.queue) == 0 {
		a.queue = nil
	}
}

func (a *Activation) reply(r actors.Reply, out *Output) {
	for _, caller := range a.callers[r.Request] {
		out.answer(caller, r.Message)
	}
	delete(a.callers, r.Request)
}

func (o *Output) answer(caller uint64, m proto.Message) {
	o.Answers = append(o.Answers, Answer{Caller: caller, Message: m})
}

// Applied takes the outcome of one of the actor's batches: its effects leave, or
// the activation is dropped.
func (a *Activation) Applied(applied *persistence.Applied, out *Output) {
	if a.dropped {
		return
	}
	for i := range a.queue {
		if a.queue[i].version != applied.Version {
			continue
		}
		if applied.Err != nil {
			a.Drop(applied.Err, out)
			return
		}
		a.queue[i].ready = true
		delete(a.waking, a.queue[i].woken)
		a.release(out)
		return
	}
}

// Forget takes off a caller that waits for request no longer. Once nobody waits, and
// no reply is on its way, the same id reaches the machine again, which repeats the
// question to others that may have been lost.
func (a *Activation) Forget(request string, caller uint64) {
	waiting, inFlight := a.callers[request]
	if !inFlight {
		return
	}
	waiting = slices.DeleteFunc(waiting, func(c uint64) bool { return c == caller })
	a.callers[request] = waiting
	if len(waiting) == 0 && !a.replying(request) {
		delete(a.callers, request)
	}
}

// replying reports whether a step that waits for the log replies to request.
func (a *Activation) replying(request string) bool {
	return slices.ContainsFunc(a.queue, func(g group) bool {
		return slices.ContainsFunc(g.replies, func(r actors.Reply) bool { return r.Request == request })
	})
}

// ErrNoOutcome says that the log never told what became of a batch: its proposal
// was lost, or is late. If it is late after all, the fence refuses it or the batches
// of the next activation, whichever comes second.
var ErrNoOutcome = errors.New("the log gave no outcome")

// Expire drops the activation if its oldest step has waited for the log for
// OutcomeTimeout, and reports whether it is dropped.
func (a *Activation) Expire(now span.Time, out *Output) bool {
	if len(a.queue) > 0 && a.queue[0].since.Add(OutcomeTimeout) <= now {
		a.Drop(ErrNoOutcome, out)
	}
	return a.dropped
}

// Read takes a confirmed ReadIndex: every group that asked up to then may leave
// when it comes to the head.
func (a *Activation) Read(token uint64, out *Output) {
	if a.dropped {
		return
	}
	for i := range a.queue {
		if g := &a.queue[i]; g.read != 0 && g.read <= token {
			g.ready = true
		}
	}
	a.release(out)
}

// Drop ends the activation: its folded state may hold what the log refused.
// Callers are told to ask again, since what they asked for may have taken effect.
func (a *Activation) Drop(reason error, out *Output) {
	if a.dropped {
		return
	}
	a.dropped = true
	code := messages.Code_CODE_UNKNOWN
	if errors.Is(reason, persistence.ErrOverloaded) {
		code = messages.Code_CODE_OVERLOADED
	}
	for _, id := range sortedKeys(a.callers) {
		for _, caller := range a.callers[id] {
			out.answer(caller, &messages.Error{Code: code, Text: "ask again with the same request id: " + reason.Error()})
		}
	}
	a.queue, a.callers, a.waking = nil, nil, nil
}
