package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// watches are the informers and trackers.
type watches struct {
	informers []*informer
	trackers  []*tracker
}

// startWatches starts them and waits for the first state.
func startWatches(ctx, setup context.Context, clients []kubernetes.Interface, namespaces []string, o options) (*watches, error) {
	all := &watches{}
	for i := range o.informers {
		one := newInformer(&kinds[i%len(kinds)], clients[i%len(clients)], namespaces[(i/len(kinds))%len(namespaces)])
		all.informers = append(all.informers, one)
		go one.shared.RunWithContext(ctx)
	}
	for i := range o.trackers {
		one := &tracker{kind: &kinds[i%len(kinds)], client: clients[len(clients)-1-i%len(clients)]}
		if i >= len(kinds) {
			one.namespace = namespaces[i%len(namespaces)]
		}
		if err := one.begin(setup); err != nil {
			return nil, err
		}
		all.trackers = append(all.trackers, one)
		go one.run(ctx)
	}
	for _, one := range all.informers {
		if !cache.WaitForCacheSync(setup.Done(), one.shared.HasSynced) {
			return nil, fmt.Errorf("%s has no state", one)
		}
	}
	return all, nil
}

// informer is an informer of client-go with a look at the order of what it tells.
type informer struct {
	kind      *kind
	namespace string
	client    kubernetes.Interface
	shared    cache.SharedIndexInformer
	errors    atomic.Int64
	lists     atomic.Int64

	lock       sync.Mutex
	versions   map[string]uint64
	deleted    map[string]bool
	events     int
	violations []string
}

func (i *informer) String() string {
	return fmt.Sprintf("informer of %s in %s", i.kind.name, i.namespace)
}

func newInformer(kind *kind, client kubernetes.Interface, namespace string) *informer {
	i := &informer{kind: kind, namespace: namespace, client: client, versions: map[string]uint64{}, deleted: map[string]bool{}}
	objects := kind.lists(client, namespace)
	source := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			i.lists.Add(1)
			return objects.list(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents != nil && *options.SendInitialEvents {
				i.lists.Add(1)
			}
			return objects.watch(ctx, options)
		},
	}, client)
	i.shared = cache.NewSharedIndexInformer(source, kind.sample, 0, cache.Indexers{})
	i.shared.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) { i.errors.Add(1) })
	i.shared.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { i.saw(object.(metav1.Object)) },
		UpdateFunc: func(_, object any) { i.saw(object.(metav1.Object)) },
		DeleteFunc: func(object any) {
			if unseen, is := object.(cache.DeletedFinalStateUnknown); is {
				object = unseen.Obj
			}
			i.gone(object.(metav1.Object))
		},
	})
	return i
}

func (i *informer) saw(object metav1.Object) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.events++
	name, now := object.GetName(), version(object)
	if i.deleted[name] && isOurs(object) {
		i.violate("%s: %s comes after it was deleted", i, name)
	}
	if before := i.versions[name]; now < before {
		i.violate("%s: %s is at version %d after %d", i, name, now, before)
	}
	i.versions[name] = now
}

func (i *informer) gone(object metav1.Object) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.events++
	i.deleted[object.GetName()] = true
}

func (i *informer) violate(format string, values ...any) {
	if len(i.violations) < 100 {
		i.violations = append(i.violations, fmt.Sprintf(format, values...))
	}
}

func isOurs(object metav1.Object) bool {
	return object.GetLabels()[loadLabel] != ""
}

// differs says how the informer's state differs from what a list shows now.
func (i *informer) differs(ctx context.Context) string {
	now, err := i.kind.list(ctx, i.client, i.namespace, metav1.ListOptions{LabelSelector: loadLabel})
	if err != nil {
		return err.Error()
	}
	want := map[string]uint64{}
	for _, item := range now.items {
		want[item.GetName()] = version(item)
	}
	for _, held := range i.shared.GetStore().List() {
		object := held.(metav1.Object)
		if !isOurs(object) {
			continue
		}
		if stored, found := want[object.GetName()]; !found {
			return fmt.Sprintf("it holds %s, which is gone", object.GetName())
		} else if stored != version(object) {
			return fmt.Sprintf("it holds %s at version %d, stored is %d", object.GetName(), version(object), stored)
		}
		delete(want, object.GetName())
	}
	for name := range want {
		return fmt.Sprintf("it does not hold %s", name)
	}
	return ""
}

// tracker is a watch that goes on where it ended, and never lists where the server still has the history.
type tracker struct {
	kind      *kind
	namespace string
	client    kubernetes.Interface

	lock       sync.Mutex
	start      uint64
	last       uint64
	seen       []uint64 // versions, rising
	deleted    map[string]bool
	opened     int
	failed     int
	lost       [][2]uint64 // what happened between these versions could not be watched
	violations []string
}

func (t *tracker) String() string {
	if t.namespace == "" {
		return "watch of all " + t.kind.name
	}
	return fmt.Sprintf("watch of %s in %s", t.kind.name, t.namespace)
}

func (t *tracker) violate(format string, values ...any) {
	if len(t.violations) < 100 {
		t.violations = append(t.violations, fmt.Sprintf(format, values...))
	}
}

// begin finds the version at which to watch.
func (t *tracker) begin(ctx context.Context) error {
	page, err := t.kind.list(ctx, t.client, t.namespace, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	var now uint64
	if _, err := fmt.Sscan(page.version, &now); err != nil {
		return err
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.last == 0 {
		t.start, t.deleted = now, map[string]bool{}
	} else {
		t.lost = append(t.lost, [2]uint64{t.last, now})
	}
	t.last = now
	return nil
}

func (t *tracker) run(ctx context.Context) {
	for ctx.Err() == nil {
		t.follow(ctx)
		// The history is lost: go on from now.
		for ctx.Err() == nil && t.begin(ctx) != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// follow watches until the server says that it has no history any more.
func (t *tracker) follow(ctx context.Context) {
	objects := t.kind.lists(t.client, t.namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: objects.list,
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			opened, err := objects.watch(ctx, options)
			t.lock.Lock()
			defer t.lock.Unlock()
			t.opened++
			if err != nil {
				t.failed++
			}
			return opened, err
		},
	}
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, fmt.Sprint(t.last), source)
	if err != nil {
		panic(err)
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if event.Type == watch.Error {
			return
		}
		object, err := meta.Accessor(event.Object)
		if err != nil {
			t.violate("%s: %v", t, err)
			continue
		}
		t.saw(event.Type, object)
	}
}

func (t *tracker) saw(event watch.EventType, object metav1.Object) {
	t.lock.Lock()
	defer t.lock.Unlock()
	now := version(object)
	if now <= t.last {
		t.violate("%s: %s of %s at version %d comes after version %d", t, event, object.GetName(), now, t.last)
	}
	t.last = now
	t.seen = append(t.seen, now)
	key := object.GetNamespace() + "/" + object.GetName()
	if t.deleted[key] && isOurs(object) {
		t.violate("%s: %s of %s comes after it was deleted", t, event, key)
	}
	if event == watch.Deleted {
		t.deleted[key] = true
	}
}

// misses are acknowledged writes that the watch did not see.
func (t *tracker) misses(workers []*worker) []string {
	t.lock.Lock()
	defer t.lock.Unlock()
	var missed []string
	isExcused := func(version uint64) bool {
		return version <= t.start || slices.ContainsFunc(t.lost, func(gap [2]uint64) bool {
			return gap[0] < version && version <= gap[1]
		})
	}
	for _, w := range workers {
		for _, e := range w.entries {
			if e.kind != t.kind || t.namespace != "" && e.namespace != t.namespace {
				continue
			}
			for _, version := range e.versions {
				if _, found := slices.BinarySearch(t.seen, version); !found && !isExcused(version) {
					missed = append(missed, fmt.Sprintf("%s: no event of %s at version %d", t, e, version))
				}
			}
			// Of a deletion the version is not known: with a gap it may lie in it.
			if e.deleted && len(t.lost) == 0 && !t.deleted[e.namespace+"/"+e.name] {
				missed = append(missed, fmt.Sprintf("%s: no event of the deletion of %s", t, e))
			}
		}
	}
	return missed
}

// check waits until all watches have caught up, and holds them to what was acknowledged and what is stored.
func (w *watches) check(ctx context.Context, client kubernetes.Interface, workers []*worker, report *report) {
	var lists, errors int64
	for _, one := range w.informers {
		difference := ""
		until(ctx, func() bool {
			difference = one.differs(ctx)
			return difference == ""
		})
		if difference != "" {
			report.Ledger.Watches = append(report.Ledger.Watches, fmt.Sprintf("%s: %s", one, difference))
		}
		one.lock.Lock()
		report.Watches.Events += one.events
		report.Ledger.Watches = append(report.Ledger.Watches, one.violations...)
		one.lock.Unlock()
		lists += one.lists.Load()
		errors += one.errors.Load()
	}
	for _, one := range w.trackers {
		var missed []string
		until(ctx, func() bool {
			missed = one.misses(workers)
			return len(missed) == 0
		})
		one.lock.Lock()
		report.Watches.Events += len(one.seen)
		report.Watches.Reopened += max(one.opened-1, 0)
		report.Watches.OpenFailed += one.failed
		report.Watches.HistoryLost += len(one.lost)
		report.Ledger.Watches = append(report.Ledger.Watches, one.violations...)
		one.lock.Unlock()
		report.Ledger.Missed += len(missed)
		report.Ledger.Watches = append(report.Ledger.Watches, missed[:min(len(missed), 20)]...)
	}
	report.Watches.Informers = len(w.informers)
	report.Watches.Trackers = len(w.trackers)
	report.Watches.Relists = int(lists) - len(w.informers)
	report.Watches.InformerErrors = int(errors)
}

// until tries again until it is done or the context ends.
func until(ctx context.Context, done func() bool) {
	for !done() && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
}

func splitList(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}
