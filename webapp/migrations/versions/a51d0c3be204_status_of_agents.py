"""status of agents: breaks, history, presence, phones in queues"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = 'a51d0c3be204'
down_revision = 'b7d25f41e09a'
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    status = ('available', 'on_break', 'logged_out')
    op.create_table(
        'break_reason',
        sa.Column('code', sa.String(40), nullable=False),
        sa.Column('label_en', sa.String(60), nullable=False),
        sa.Column('label_el', sa.String(60), nullable=False),
        sa.Column('paid', sa.Boolean(), nullable=False),
        sa.Column('active', sa.Boolean(), nullable=False),
        sa.Column('max_minutes', sa.Integer(), nullable=True),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_break_reason')),
        sa.UniqueConstraint('code', name=op.f('uq_break_reason_code')),
    )
    op.create_table(
        'status_period',
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('status', sa.Enum(*status, name='agentstatus', native_enum=False, create_constraint=True, length=32), nullable=False),
        sa.Column('reason', sa.String(80), nullable=False),
        sa.Column('by', sa.Enum('agent', 'switch', 'system', name='changedby', native_enum=False, create_constraint=True, length=32), nullable=False),
        sa.Column('began_at', AT, nullable=False),
        sa.Column('ended_at', AT, nullable=True),
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_status_period_user_id_user'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_status_period')),
    )
    op.create_index(op.f('ix_status_period_user_id_began_at'), 'status_period', ['user_id', 'began_at'])
    op.create_index(op.f('ix_status_period_user_id_ended_at'), 'status_period', ['user_id', 'ended_at'])
    op.create_table(
        'presence',
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('seen_at', AT, nullable=False),
        sa.Column('here', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_presence_user_id_user'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('user_id', name=op.f('pk_presence')),
    )
    op.create_index(op.f('ix_presence_seen_at'), 'presence', ['seen_at'])
    op.create_table(
        'queue_member',
        sa.Column('switch', sa.String(40), nullable=False),
        sa.Column('queue', sa.String(80), nullable=False),
        sa.Column('line', sa.String(80), nullable=False),
        sa.Column('paused', sa.Boolean(), nullable=False),
        sa.Column('reason', sa.String(80), nullable=False),
        sa.Column('since', AT, nullable=True),
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_queue_member')),
        sa.UniqueConstraint('switch', 'queue', 'line', name=op.f('uq_queue_member_switch_queue_line')),
    )
    op.create_index(op.f('ix_queue_member_switch_line'), 'queue_member', ['switch', 'line'])
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('status_reason', sa.String(80), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('did_not_answer_at', AT, nullable=True))
        batch_op.add_column(sa.Column('here_at', AT, nullable=True))
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.alter_column('status_reason', server_default=None)
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.add_column(sa.Column('told_at', AT, nullable=True))
    _begin_history()


def _begin_history() -> None:
    """What people had declared before goes on, and switches are left as they are until somebody declares something."""
    user = sa.table('user', sa.column('id', sa.Uuid()), sa.column('status', sa.String()), sa.column('status_since', AT))
    period = sa.table(
        'status_period', *(sa.column(name, kind) for name, kind in (
            ('id', sa.Uuid()), ('user_id', sa.Uuid()), ('status', sa.String()), ('reason', sa.String()),
            ('by', sa.String()), ('began_at', AT),
        )),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(user)).all():
        connection.execute(period.insert().values(
            id=uuid.uuid4(), user_id=row.id, status=row.status, reason='', by='agent', began_at=row.status_since,
        ))
    line = sa.table('line', sa.column('told_at', AT))
    connection.execute(line.update().values(told_at=sa.func.current_timestamp()))


def downgrade() -> None:
    with op.batch_alter_table('line', schema=None) as batch_op:
        batch_op.drop_column('told_at')
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('here_at')
        batch_op.drop_column('did_not_answer_at')
        batch_op.drop_column('status_reason')
    for table in ('queue_member', 'presence', 'status_period', 'break_reason'):
        op.drop_table(table)
