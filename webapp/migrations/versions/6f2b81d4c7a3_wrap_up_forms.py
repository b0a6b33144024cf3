"""wrap-up forms"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '6f2b81d4c7a3'
down_revision = 'e3f7a61c20d9'
branch_labels = None
depends_on = None

KINDS = ('text', 'number', 'date', 'choice', 'yes_no')


def _kind() -> sa.Enum:
    return sa.Enum(*KINDS, name='fieldkind', native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.create_table('wrap_up_form',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('limit_seconds', sa.Integer(), nullable=False),
    sa.Column('more_seconds', sa.Integer(), nullable=False),
    sa.Column('disposition_required', sa.Boolean(), nullable=False),
    sa.Column('next_step', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_wrap_up_form'))
    )
    op.create_table('wrap_up_choice',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('disposition_id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['disposition_id'], ['disposition.id'], name=op.f('fk_wrap_up_choice_disposition_id_disposition'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['queue'], ['wrap_up_form.queue'], name=op.f('fk_wrap_up_choice_queue_wrap_up_form'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('queue', 'disposition_id', name=op.f('pk_wrap_up_choice'))
    )
    op.create_table('wrap_up_field',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(length=80), nullable=False),
    sa.Column('kind', _kind(), nullable=False),
    sa.Column('required', sa.Boolean(), nullable=False),
    sa.Column('options', sa.JSON(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['queue'], ['wrap_up_form.queue'], name=op.f('fk_wrap_up_field_queue_wrap_up_form'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wrap_up_field'))
    )
    with op.batch_alter_table('wrap_up_field', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_wrap_up_field_queue'), ['queue'], unique=False)

    op.create_table('wrap_up',
    sa.Column('call_id', sa.Uuid(), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('disposition_id', sa.Uuid(), nullable=True),
    sa.Column('callback_id', sa.Uuid(), nullable=True),
    sa.Column('draft', sa.JSON(), nullable=False),
    sa.Column('saved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['call_id'], ['call.id'], name=op.f('fk_wrap_up_call_id_call'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['callback_id'], ['callback.id'], name=op.f('fk_wrap_up_callback_id_callback'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['disposition_id'], ['disposition.id'], name=op.f('fk_wrap_up_disposition_id_disposition'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_wrap_up_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wrap_up')),
    sa.UniqueConstraint('call_id', 'user_id', name=op.f('uq_wrap_up_call_id_user_id'))
    )
    op.create_table('wrap_up_answer',
    sa.Column('wrap_up_id', sa.Uuid(), nullable=False),
    sa.Column('field_id', sa.Uuid(), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(length=80), nullable=False),
    sa.Column('kind', _kind(), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['field_id'], ['wrap_up_field.id'], name=op.f('fk_wrap_up_answer_field_id_wrap_up_field'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['wrap_up_id'], ['wrap_up.id'], name=op.f('fk_wrap_up_answer_wrap_up_id_wrap_up'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wrap_up_answer'))
    )
    with op.batch_alter_table('wrap_up_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_wrap_up_answer_field_id'), ['field_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_wrap_up_answer_wrap_up_id'), ['wrap_up_id'], unique=False)

    with op.batch_alter_table('disposition', schema=None) as batch_op:
        batch_op.add_column(sa.Column('heading', sa.String(length=80), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('asks_callback', sa.Boolean(), nullable=False, server_default=sa.false()))

    # the limits that there were are a part of the forms; all else is asked as before
    op.execute(
        'INSERT INTO wrap_up_form (queue, limit_seconds, more_seconds, disposition_required, next_step) '
        'SELECT queue, seconds, more_seconds, true, true FROM wrap_up_rule'
    )
    op.drop_table('wrap_up_rule')


def downgrade() -> None:
    op.create_table('wrap_up_rule',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=False),
    sa.Column('more_seconds', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_wrap_up_rule'))
    )
    op.execute(
        'INSERT INTO wrap_up_rule (queue, seconds, more_seconds) '
        'SELECT queue, limit_seconds, more_seconds FROM wrap_up_form'
    )
    with op.batch_alter_table('disposition', schema=None) as batch_op:
        batch_op.drop_column('asks_callback')
        batch_op.drop_column('heading')

    op.drop_table('wrap_up_answer')
    op.drop_table('wrap_up')
    op.drop_table('wrap_up_field')
    op.drop_table('wrap_up_choice')
    op.drop_table('wrap_up_form')
