"""Work in threads: order, how far it runs ahead, and things that serve one thread at a time."""

import threading
import time

import pytest

from fer_keras.threads import Pool, map_in_order, usable_cores


def test_results_come_in_order_and_items_are_taken_as_they_are_asked_for():
    taken = []

    def items():
        for number in range(30):
            taken.append(number)
            yield number

    def slow_at_first(number):
        time.sleep(0.02 if number == 0 else 0)
        return number

    for done, result in enumerate(map_in_order(slow_at_first, items(), 3)):
        assert result == done
        assert len(taken) <= done + 1 + 3


def test_an_error_comes_up_at_its_place_and_ends_the_rest():
    called = []

    def fail_at_five(number):
        called.append(number)
        return 1 / (number - 5)

    results = map_in_order(fail_at_five, range(1000), 2)
    assert len([next(results) for _ in range(5)]) == 5
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(called) < 20


def test_each_thing_of_a_pool_serves_one_thread():
    made, inside = [], set()
    pool = Pool(lambda: made.append(len(made)) or len(made), most=3)

    def use(_):
        with pool.take() as item:
            assert item not in inside
            inside.add(item)
            time.sleep(0.002)
            inside.remove(item)
            return threading.get_ident()

    assert len(set(map_in_order(use, range(60), 8))) > 1
    assert 1 <= len(made) <= 3


def test_what_failed_is_not_used_again():
    pool = Pool(iter("abc").__next__, most=1, first="first")
    with pytest.raises(KeyError), pool.take() as item:
        assert item == "first"
        raise KeyError
    with pool.take() as item:
        assert item == "a"


def test_this_machine_has_cores():
    assert usable_cores() >= 1
