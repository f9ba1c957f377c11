from lightgrid.runtime.loop.timers import Timers


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_what_is_due_is_called_once_and_in_order_of_time():
    clock, called = Clock(), []
    timers = Timers(clock)
    for delay_s in (3.0, 1.0, 2.0):
        timers.after(delay_s, lambda delay_s=delay_s: called.append(delay_s))
    clock.now_s = 2.5
    timers.run_due()
    assert called == [1.0, 2.0]
    timers.run_due()
    assert called == [1.0, 2.0]
    clock.now_s = 3.0
    timers.run_due()
    assert called == [1.0, 2.0, 3.0]


def test_timers_of_one_time_are_called_in_the_order_they_were_made():
    clock, called = Clock(), []
    timers = Timers(clock)
    for number in range(5):
        timers.after(1.0, lambda number=number: called.append(number))
    clock.now_s = 1.0
    timers.run_due()
    assert called == [0, 1, 2, 3, 4]


def test_the_pause_is_until_the_next_one_and_never_below_zero():
    clock = Clock()
    timers = Timers(clock)
    assert timers.pause_s() is None
    timers.after(2.0, list)
    timers.after(5.0, list)
    clock.now_s = 0.5
    assert timers.pause_s() == 1.5
    clock.now_s = 9.0
    assert timers.pause_s() == 0.0


def test_a_timer_may_make_another_one():
    clock, called = Clock(), []
    timers = Timers(clock)
    timers.after(0.0, lambda: timers.after(0.0, lambda: called.append("second")))
    timers.run_due()
    assert called == ["second"]
