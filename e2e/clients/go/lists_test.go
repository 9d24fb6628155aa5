package clients

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
)

func TestPagesShowOneVersion(t *testing.T) {
	namespace, client := namespace(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace)
	fill(t, client, namespace, 25)
	before := listed(t, client, namespace, "")
	options := metav1.ListOptions{Limit: 10}
	var objects []*corev1.ConfigMap
	version := ""
	for page := 0; ; page++ {
		list, err := maps.List(within(t), options)
		must(t, err)
		if page == 0 {
			version = list.ResourceVersion
			equal(t, "remaining", *list.RemainingItemCount, 15)
		}
		equal(t, "version of a page", list.ResourceVersion, version)
		for i := range list.Items {
			objects = append(objects, &list.Items[i])
		}
		// What happens between two pages is in none of them.
		_, err = maps.Create(within(t), configMap(fmt.Sprintf("m-%03d-later", page), nil), metav1.CreateOptions{})
		must(t, err)
		must(t, maps.Delete(within(t), fmt.Sprintf("m-%03d", 24-page), metav1.DeleteOptions{}))
		if options.Continue = list.Continue; options.Continue == "" {
			equal(t, "pages", page, 2)
			break
		}
	}
	equal(t, "all pages", state(objects), before)
}

func TestPagersGoOnAfterACompaction(t *testing.T) {
	needsEtcd(t)
	namespace, client := namespace(t), clientset(t)
	fill(t, client, namespace, 25)
	pages := 0
	list := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		list, err := client.CoreV1().ConfigMaps(namespace).List(ctx, options)
		if pages++; pages == 1 {
			last, err := client.CoreV1().ConfigMaps(namespace).Create(ctx, configMap("z-last", nil), metav1.CreateOptions{})
			must(t, err)
			compact(t, last.ResourceVersion)
		}
		return list, err
	})
	list.PageSize = 10
	names := map[string]bool{}
	err := list.EachListItem(within(t), metav1.ListOptions{}, func(object runtime.Object) error {
		names[object.(*corev1.ConfigMap).Name] = true
		return nil
	})
	if err != nil && !apierrors.IsResourceExpired(err) {
		t.Fatal(err)
	}
	if err == nil && len(names) < 25 {
		t.Fatalf("%d of 25 objects: %v", len(names), names)
	}
	// A whole list falls back to a list without pages by itself.
	list.FullListIfExpired, pages = true, 1
	whole, _, err := list.List(within(t), metav1.ListOptions{})
	must(t, err)
	items := 0
	must(t, eachItem(whole, func() { items++ }))
	equal(t, "items", items, 26)
}

func TestVersionsOfLists(t *testing.T) {
	namespace, client := namespace(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace)
	fill(t, client, namespace, 3)
	first, err := maps.List(within(t), metav1.ListOptions{})
	must(t, err)
	must(t, maps.Delete(within(t), "m-001", metav1.DeleteOptions{}))
	exact, err := maps.List(within(t), metav1.ListOptions{
		ResourceVersion: first.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact,
	})
	must(t, err)
	equal(t, "version", exact.ResourceVersion, first.ResourceVersion)
	equal(t, "items of an exact version", len(exact.Items), 3)
	for _, options := range []metav1.ListOptions{
		{},
		{ResourceVersion: "0"},
		{ResourceVersion: first.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan},
	} {
		list, err := maps.List(within(t), options)
		must(t, err)
		if options.ResourceVersion == "" {
			equal(t, "items now", len(list.Items), 2)
		}
		if options.ResourceVersion != "0" && list.ResourceVersion < first.ResourceVersion {
			t.Fatalf("version %s is before %s", list.ResourceVersion, first.ResourceVersion)
		}
	}
	// The refusal asks to try again, which a client would do for long.
	err = client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("configmaps").
		Param("resourceVersion", "999999999999").MaxRetries(0).Do(within(t)).Error()
	if !apierrors.IsTimeout(err) {
		t.Fatalf("a version of the future: %v", err)
	}
	must(t, maps.DeleteCollection(within(t), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "odd=false"}))
	equal(t, "after the collection's deletion", listed(t, client, namespace, ""), "")
}
